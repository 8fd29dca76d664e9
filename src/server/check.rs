//! `visavis check`: what would stop a start, found without starting. Changes nothing but a test file that it removes.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;

use crate::config::Config;
use crate::notify::{self, Notify};
use crate::time::Timestamp;
use crate::tls::WebCertificate;

/// One sentence for each thing that would stop the start or surprise; empty when all is well. The second list says what was found good.
pub fn check(config: &Config, now: Timestamp) -> (Vec<String>, Vec<String>) {
    let (mut wrong, mut good) = (Vec::new(), Vec::new());
    let mut note = |result: Result<String, String>| match result {
        Ok(sentence) => good.push(sentence),
        Err(sentence) => wrong.push(sentence),
    };
    for address in config.web.https.iter().chain(&config.web.http) {
        note(listener_free(*address));
    }
    for port in (config.media.port..).take(config.media.workers) {
        note(media_port_free(port));
    }
    note(writable(&config.data_directory).map(|()| format!("data directory {} is writable", config.data_directory.display())));
    topics(config).into_iter().for_each(&mut note);
    certificate(config, now).into_iter().for_each(&mut note);
    note(outward(config));
    note(
        super::sign_in(config, config.web.public_url.as_deref().unwrap_or("https://localhost"))
            .map(|_| String::from("sign-in is configured as far as it is wanted"))
            .map_err(|error| error.to_string()),
    );
    if config.web.public_url.is_none() && (config.citizens.provider.issuer.is_some() || config.staff.provider.issuer.is_some()) {
        note(Err(String::from("oidc needs web.public_url: a provider sends browsers back to the address that was registered there")));
    }
    (wrong, good)
}

/// What the operator left out of a topic.
fn topics(config: &Config) -> Vec<Result<String, String>> {
    let topics = config.services.iter().flat_map(|(service, of)| of.topics.iter().map(move |(key, topic)| (service, key, topic)));
    topics
        .filter_map(|(service, key, topic)| topic.unsaid().map(|why| Err(format!("topic `services.{service}.topics.{key}` {why}"))))
        .collect()
}

/// What the start does not need and people will miss, in sentences: asks mail server and webhook whether they answer, and posts nothing. The second list
/// says what answered.
pub async fn doubts(config: &Config) -> (Vec<String>, Vec<String>) {
    let (mut doubts, mut good) = (notify::doubts(config), Vec::new());
    // What cannot be prepared was named before.
    if let Ok(notify) = Notify::new(config, "") {
        for said in notify.reach().await {
            match said {
                Ok(sentence) => good.push(sentence),
                Err(sentence) => doubts.push(sentence),
            }
        }
    }
    for said in providers(config).await {
        match said {
            Ok(sentence) => good.push(sentence),
            Err(sentence) => doubts.push(sentence),
        }
    }
    (doubts, good)
}

/// Whether the providers of identities answer.
async fn providers(config: &Config) -> Vec<Result<String, String>> {
    // What cannot be prepared was named before.
    let Ok(rules) = super::sign_in(config, "https://localhost") else { return Vec::new() };
    let mut said = Vec::new();
    for provider in [rules.citizens, rules.staff].into_iter().flatten() {
        let issuer = provider.issuer().to_owned();
        said.push(match provider.reach().await {
            Ok(()) => Ok(format!("{issuer} tells its configuration and keys")),
            Err(_) => {
                Err(format!("{issuer} does not tell its configuration and keys now, or under another issuer: nobody can sign in there"))
            }
        });
    }
    said
}

/// Whether the database can be asked, and forgets nothing that it acknowledged.
pub async fn database(config: &Config) -> Result<String, String> {
    let home = super::home(config).map_err(|error| error.to_string())?;
    if config.database.is_none() {
        return Ok(String::from("the database is the embedded one"));
    }
    match home.keeps_its_word().await {
        Ok(true) => Ok(String::from("the PostgreSQL database answers")),
        Ok(false) => {
            Err(String::from("the PostgreSQL server has fsync or full_page_writes off: a power cut would lose what was acknowledged"))
        }
        Err(error) => Err(format!("the PostgreSQL database does not answer: {error}")),
    }
}

fn outward(config: &Config) -> Result<String, String> {
    let outlets = Notify::new(config, "").map_err(|error| error.to_string())?.outlets();
    Ok(match (outlets.mail, outlets.webhook) {
        (true, true) => String::from("mail and webhook are configured"),
        (true, false) => String::from("mail is configured, a webhook is not"),
        (false, true) => String::from("a webhook is configured, mail is not"),
        (false, false) => String::from("neither mail nor a webhook is configured"),
    })
}

fn listener_free(address: SocketAddr) -> Result<String, String> {
    match super::bind_web(address) {
        Ok(_) => Ok(format!("{address} is free")),
        Err(error) => Err(format!("{address} cannot be listened on: {error}; is another server running, or the port below 1024?")),
    }
}

fn media_port_free(port: u16) -> Result<String, String> {
    let bound = UdpSocket::bind(("::", port)).or_else(|_| UdpSocket::bind(("0.0.0.0", port)));
    bound.map(|_| format!("UDP port {port} is free")).map_err(|error| format!("UDP port {port} cannot be used: {error}"))
}

fn writable(directory: &Path) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("data directory {} is not writable: {error}", directory.display());
    // A directory that is not there yet is made by the start: what counts is whether its nearest parent lets us.
    let nearest = directory.ancestors().find(|path| path.as_os_str().is_empty() || path.exists()).unwrap_or(Path::new("."));
    let nearest = if nearest.as_os_str().is_empty() { Path::new(".") } else { nearest };
    let trial = nearest.join(format!(".visavis-check-{}", std::process::id()));
    std::fs::write(&trial, b"").map_err(wrong)?;
    std::fs::remove_file(&trial).map_err(wrong)
}

/// Each fault of the certificate, or what is good about it.
fn certificate(config: &Config, now: Timestamp) -> Vec<Result<String, String>> {
    if config.web.https.is_empty() {
        return vec![Ok(String::from("no HTTPS listener: no certificate is needed here"))];
    }
    let files = super::certificate_files(config);
    match WebCertificate::load(&files) {
        Ok(Some(found)) => {
            let faults = found.faults(super::public_host(config), now);
            let good = format!("the operator's certificate is good until {}", found.not_after.rfc3339());
            if faults.is_empty() { vec![Ok(good)] } else { faults.into_iter().map(|fault| Err(format!("certificate: {fault}"))).collect() }
        }
        Ok(None) => {
            vec![writable(&files.directory).map(|()| String::from("no operator's certificate: a development certificate will be used"))]
        }
        Err(error) => vec![Err(format!("certificate: {error}"))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    #[test]
    fn a_topic_that_says_nobody_where_to_go_is_named() {
        let text = String::from("[services.advice.topics.cheques]\nby_video = false\n");
        let file = |text| Sources { file: Some(("visavis.toml".into(), text)), ..Sources::default() }.read().unwrap();
        let told = topics(&file(text.clone()));
        assert!(told.len() == 1 && told[0].as_ref().is_err_and(|said| said.contains("services.advice.topics.cheques")), "{told:?}");
        assert!(topics(&file(text + "instead_en = \"Come to a counter.\"\n")).is_empty());
        assert!(topics(&Config::default()).is_empty());
    }
}
