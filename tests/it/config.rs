//! Settings as an operator meets them: defaults, the three sources, and what is said about a mistake.

use std::path::PathBuf;
use std::time::Duration;

use visavis::config::{Config, Place, Problem, SETTINGS, Sources, command_line, documented};

fn file(text: &str) -> Sources {
    Sources { file: Some((PathBuf::from("visavis.toml"), text.to_owned())), ..Sources::default() }
}

fn problems(text: &str) -> Vec<String> {
    file(text).read().expect_err("must be refused").iter().map(Problem::to_string).collect()
}

#[test]
fn shipped_file_is_the_table_of_settings() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/visavis.toml");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(shipped, documented()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(shipped).unwrap(), documented(), "run the test with UPDATE=1 and commit config/visavis.toml");
}

#[test]
fn shipped_file_and_the_same_without_its_comments_are_the_defaults() {
    assert_eq!(file(&documented()).read().unwrap(), Config::default());
    let uncommented: String = documented()
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n")
        .collect();
    assert_ne!(uncommented, documented());
    assert_eq!(file(&uncommented).read().unwrap(), Config::default());
}

#[test]
fn defaults_are_the_service_that_the_mission_names() {
    let config = Config::default();
    let advice = &config.services["advice"];
    let minutes = |n: u64| Duration::from_secs(60 * n);
    assert_eq!(
        (advice.slot, advice.rules.early, advice.rules.come_back, advice.rules.give_up),
        (minutes(20), minutes(15), minutes(30), minutes(30))
    );
    assert_eq!(config.media.workers, 1);
    assert!(config.media.port >= 1024);
    assert!(config.web.http.iter().all(|address| address.ip().is_loopback()));
    assert!(!config.demo);
}

#[test]
fn every_setting_is_taken_from_file_environment_and_command_line_in_that_order() {
    let mut sources = file("[media]\nport = 5001\n");
    assert_eq!(sources.read().unwrap().media.port, 5001);
    sources.environment = vec![("VISAVIS_MEDIA_PORT".into(), "5002".into()), ("PATH".into(), "/bin".into())];
    assert_eq!(sources.read().unwrap().media.port, 5002);
    sources.command_line = vec![("media.port".into(), "5003".into(), "--media.port".into())];
    assert_eq!(sources.read().unwrap().media.port, 5003);
    for setting in SETTINGS {
        let key = setting.key.replacen('*', "advice", 1).replacen('*', "information", 1);
        let plain = setting.default.trim_matches(['[', ']']).replace('"', "");
        let variable = format!("VISAVIS_{}", key.replace(['.', '-'], "_").to_uppercase());
        let environment = Sources { environment: vec![(variable, plain.clone())], ..Sources::default() };
        let command_line = Sources { command_line: vec![(key.clone(), plain, "--set".into())], ..Sources::default() };
        assert_eq!(environment.read().as_ref(), Ok(&Config::default()), "{key} by environment");
        assert_eq!(command_line.read().as_ref(), Ok(&Config::default()), "{key} by command line");
    }
}

#[test]
fn command_line_knows_an_option_for_every_setting_but_a_services() {
    command_line().debug_assert();
    let matches = command_line()
        .try_get_matches_from(["visavis", "--demo", "--media.port", "4000", "--set", "services.advice.slot_minutes=10"])
        .unwrap();
    let mut sources = Sources::of_process(&matches).unwrap();
    sources.environment.clear();
    sources.file = None;
    let config = sources.read().unwrap();
    assert!(config.demo);
    assert_eq!(config.media.port, 4000);
    assert_eq!(config.services["advice"].slot, Duration::from_secs(600));
    for setting in SETTINGS.iter().filter(|setting| !setting.key.contains('*')) {
        assert!(command_line().get_arguments().any(|argument| argument.get_long() == Some(setting.key)), "{}", setting.key);
    }
}

#[test]
fn unknown_key_is_named_with_its_line_and_the_key_that_was_meant() {
    let said = problems("# a comment\n[web]\nhtpps = [\"[::]:8443\"]\n");
    assert_eq!(said, ["visavis.toml:3: there is no setting `web.htpps`; right would be: `web.https`, perhaps"]);
    let said = problems("[medai]\nport = 5000\n");
    assert_eq!(said, ["visavis.toml:1: there is no table `medai`; right would be: `media`, perhaps"]);
    let said = problems("[services.advice]\nslot_minute = 5\n");
    assert_eq!(
        said,
        ["visavis.toml:2: there is no setting `services.advice.slot_minute`; right would be: `services.advice.slot_minutes`, perhaps"]
    );
}

#[test]
fn unknown_variable_is_named_with_the_one_that_was_meant() {
    let sources = Sources { environment: vec![("VISAVIS_MEDIA_PROT".into(), "5000".into())], ..Sources::default() };
    let said = sources.read().unwrap_err();
    assert_eq!(said[0].place, Place::Environment("VISAVIS_MEDIA_PROT".into()));
    assert!(said[0].right.contains("VISAVIS_MEDIA_PORT"), "{}", said[0]);
}

#[test]
fn bad_value_is_named_with_its_line_and_what_would_be_right() {
    for (text, line, wrong, right) in [
        ("[media]\n\nport = 443\n", 3, "443 is out of range", "from 1024"),
        ("[media]\nport = \"5000\"\n", 2, "wrong form", "a whole number"),
        ("[web]\nhttps = [\"8443\"]\n", 2, "\"8443\" is not an address with a port", "[::]:8443"),
        ("[web]\nhttps = \"[::]:8443\"\n", 2, "wrong form", "a list of texts"),
        ("[web]\nhttp = [\"0.0.0.0:8080\"]\n", 2, "not a loopback address", "never leaves the machine"),
        ("[web]\npublic_url = \"video.example.lu\"\n", 2, "not the address of a server", "https://"),
        ("[web]\ntrusted_proxies = [\"10.0.0.0/40\"]\n", 2, "not an address or a network", "10.0.0.5"),
        ("[log]\nlevel = \"loud\"\n", 2, "none of its values", "\"debug\""),
        ("demo = 1\n", 1, "wrong form", "true or false"),
        ("[services.advice]\ntime_zone = \"Luxembourg\"\n", 2, "not a time zone", "Europe/Luxembourg"),
        ("[media]\nworkers = 1.5\n", 2, "a fraction", "a whole number"),
        ("[media]\nnat = [\"10.0.0.5\"]\n", 2, "not a pair", "10.0.0.5=203.0.113.7"),
        ("[services.advice.topics.care]\nby_video = \"no\"\n", 2, "wrong form", "true or false"),
        ("[services.advice.topics.care]\nrequired_en = [true]\n", 2, "something else than texts", "a list of texts"),
        ("[services.advice.topics.care]\nname = \"Care\"\n", 2, "no setting", "services.advice.topics.care.name_"),
        ("[services.advice.topics.Care]\nname_en = \"Care\"\n", 2, "no setting", "perhaps"),
        ("[services.advice.subjects.care]\nname_en = \"Care\"\n", 1, "no table", "one of the settings"),
        ("[media\n", 1, "not TOML", "brackets"),
    ] {
        let said = problems(text);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with(&format!("visavis.toml:{line}: ")), "{}", said[0]);
        assert!(said[0].contains(wrong) && said[0].contains(right), "{}", said[0]);
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    assert_eq!(problems("[media]\nport = 1\nworkers = 0\n[web]\nwhat = 1\n").len(), 3);
}

#[test]
fn second_service_begins_with_the_defaults() {
    let config = file("[services.advice]\n[services.long-term-care]\nname_en = \"Long-term care\"\nslot_minutes = 30\n").read().unwrap();
    let care = &config.services["long-term-care"];
    assert_eq!(care.name("en"), "Long-term care");
    assert_eq!(care.slot, Duration::from_secs(1800));
    assert_eq!(care.time_zone, "Europe/Luxembourg");
}

#[test]
fn topics_of_a_service_are_those_that_are_named_and_each_begins_with_the_defaults() {
    let text = "[services.advice.topics.care]\nname_en = \"Care\"\nrequired_en = [\"Your card\", \"A letter, if any\"]\n\
                [services.advice.topics.cheques]\nby_video = false\ninstead_fr = \"Au guichet\"\n[services.tax]\nslot_minutes = 10\n";
    let mut sources = file(text);
    sources.environment = vec![("VISAVIS_SERVICES_ADVICE_TOPICS_LONG_TERM_NAME_EN".into(), "Long-term care".into())];
    let config = sources.read().unwrap();
    let topics = &config.services["advice"].topics;
    assert_eq!(topics.keys().collect::<Vec<_>>(), ["care", "cheques", "long-term"]);
    assert_eq!(topics["care"].required["en"], ["Your card", "A letter, if any"]);
    assert!(topics["care"].by_video && !topics["cheques"].by_video);
    assert_eq!(topics["cheques"].instead["fr"], "Au guichet");
    assert_eq!(topics["long-term"].name("en"), "Long-term care");
    assert_eq!(config.services["tax"].topics, Config::default().services["advice"].topics, "who names no topic has the first one");
}
