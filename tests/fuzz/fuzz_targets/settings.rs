//! Any text as the settings file, or the documented one edited line by line, with anything in the environment: it is read, or refused with the place and what
//! would be right. The same sources are read the same way twice.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use visavis::config::{Network, Sources, documented};

static DOCUMENTED: LazyLock<String> = LazyLock::new(documented);

fuzz_target!(|input: (bool, Vec<(u16, u8, &str)>, &str, Vec<(u8, &str)>)| {
    let (edit, edits, raw, environment) = input;
    let text = if edit { edited(&edits) } else { raw.to_owned() };
    let names = ["VISAVIS_MEDIA_PORT", "VISAVIS_WEB_HTTPS", "VISAVIS_PUBLIC_URL", "VISAVIS_LOG_LEVEL", "VISAVIS_MEDIA_ADDRESSES", "VISAVIS_"];
    let environment = environment.iter().take(4).map(|(which, value)| {
        let name = names[usize::from(*which) % names.len()];
        (if name.ends_with('_') { format!("{name}{value}") } else { name.to_owned() }, (*value).to_owned())
    });
    let sources = Sources { file: Some((PathBuf::from("visavis.toml"), text)), environment: environment.collect(), command_line: Vec::new() };
    match sources.read() {
        Ok(config) => assert!(config.media.workers > 0, "no worker"),
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a word");
            for problem in &problems {
                assert!(!problem.wrong.is_empty() && !problem.right.is_empty(), "refused without a sentence");
                assert!(!problem.to_string().is_empty());
            }
        }
    }
    if let Some(network) = Network::parse(raw) {
        let _ = network.contains("192.0.2.1".parse().unwrap());
        let _ = network.contains("2001:db8::1".parse().unwrap());
    }
});

/// Lines of the documented file laid open, replaced or cut.
fn edited(edits: &[(u16, u8, &str)]) -> String {
    let mut lines: Vec<String> = DOCUMENTED.lines().map(str::to_owned).collect();
    for (at, how, text) in edits.iter().take(16) {
        let at = usize::from(*at) % lines.len().max(1);
        match how % 5 {
            0 => lines[at] = lines[at].trim_start_matches(['#', ' ']).to_owned(),
            1 => (*text).clone_into(&mut lines[at]),
            2 => lines.insert(at, (*text).to_owned()),
            3 => {
                if let Some((key, _)) = lines[at].clone().trim_start_matches(['#', ' ']).split_once('=') {
                    lines[at] = format!("{key}= {text}");
                }
            }
            _ => lines[at].push_str(text),
        }
    }
    lines.join("\n")
}
