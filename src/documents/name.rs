//! The name under which a document is shown and downloaded: whatever the browser sent, it is a plain name with the ending of what the file is (trust.md O15).
//! Refuses to be a path: on the disk a document has its number alone.

use std::fmt::Write as _;

use crate::documents::content::FileType;
use crate::limits;

/// Names that Windows gives to devices, whatever their ending.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2", "lpt3", "lpt4",
    "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// A name that can be shown, saved and put into a header anywhere. At most `limits::DOCUMENT_NAME_BYTES`.
pub fn fit(given: &str, kind: FileType) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|c| !is_unseen(*c)).map(|c| if "\"<>:|?*".contains(c) { '_' } else { c }).collect();
    let plain = kept.trim_end_matches(['.', ' ']);
    let (stem, ending) = match plain.rsplit_once('.') {
        Some((stem, ending)) if kind.endings().iter().any(|known| ending.eq_ignore_ascii_case(known)) => {
            (stem, ending.to_ascii_lowercase())
        }
        _ => (plain, kind.endings()[0].to_owned()),
    };
    let mut stem = stem.trim_matches(['.', ' ']).to_owned();
    // The device counts before the first dot.
    if DEVICES.contains(&stem.split('.').next().unwrap_or_default().trim().to_ascii_lowercase().as_str()) {
        stem.insert(0, '_');
    }
    let room = limits::DOCUMENT_NAME_BYTES - ending.len() - 1;
    while stem.len() > room {
        stem.pop();
    }
    let stem = stem.trim_end_matches(['.', ' ']);
    format!("{}.{ending}", if stem.is_empty() { "document" } else { stem })
}

/// Control characters, and those that turn the reading around or take no room.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// `Content-Disposition` that saves under this name and shows nothing in the browser (RFC 6266): a plain form for all, the true one for who reads it.
pub fn disposition(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || " ._-()".contains(c) { c } else { '_' }).collect();
    let mut value = format!("attachment; filename=\"{plain}\"; filename*=UTF-8''");
    for byte in name.bytes() {
        match byte {
            b if b.is_ascii_alphanumeric() || b"._-".contains(&b) => value.push(char::from(b)),
            b => {
                let _ = write!(value, "%{b:02X}");
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pdf(given: &str) -> String {
        fit(given, FileType::Pdf)
    }

    #[test]
    fn a_good_name_stays() {
        assert_eq!(pdf("Bescheid 2026 (1).pdf"), "Bescheid 2026 (1).pdf");
        assert_eq!(pdf("Zoé – Certificat médical.PDF"), "Zoé – Certificat médical.pdf");
        assert_eq!(fit("IMG_0001.JPEG", FileType::Jpeg), "IMG_0001.jpeg");
    }

    #[test]
    fn hostile_names_become_plain_ones() {
        for (given, kept) in [
            ("../../etc/passwd", "passwd.pdf"),
            ("..\\..\\windows\\system.ini", "system.ini.pdf"),
            ("/", "document.pdf"),
            ("..", "document.pdf"),
            ("", "document.pdf"),
            ("CON", "_CON.pdf"),
            ("con.pdf", "_con.pdf"),
            ("nul.tar.pdf", "_nul.tar.pdf"),
            ("LPT9 .pdf", "_LPT9.pdf"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe.pdf"),
            ("a\0b.pdf", "ab.pdf"),
            ("a\r\nSet-Cookie: x=y.pdf", "aSet-Cookie_ x=y.pdf"),
            ("\"quoted\".pdf", "_quoted_.pdf"),
            ("page.html", "page.html.pdf"),
            (".htaccess", "htaccess.pdf"),
            ("trailing. . .", "trailing.pdf"),
            ("\u{200b}\u{feff}.pdf", "document.pdf"),
        ] {
            assert_eq!(pdf(given), kept, "{given:?}");
        }
    }

    #[test]
    fn three_hundred_bytes_are_cut_at_a_character() {
        let name = pdf(&format!("{}.pdf", "é".repeat(150)));
        assert!(name.len() <= limits::DOCUMENT_NAME_BYTES && name.ends_with("é.pdf"), "{name}");
    }

    #[test]
    fn a_header_carries_any_name() {
        assert_eq!(disposition("Zoé's \"x\".pdf"), "attachment; filename=\"Zo__s _x_.pdf\"; filename*=UTF-8''Zo%C3%A9%27s%20%22x%22.pdf");
    }

    proptest! {
        #[test]
        fn any_name_is_safe_on_a_disk_and_in_a_header(given in "\\PC{0,80}|(?s).{0,400}") {
            let name = pdf(&given);
            prop_assert!(name.len() <= limits::DOCUMENT_NAME_BYTES && name.ends_with(".pdf") && name.len() > 4);
            let unsafe_one = name.contains(['/', '\\', '"', '\0', '\r', '\n', ':', '\u{202e}']) || name.starts_with('.');
            prop_assert!(!unsafe_one, "{}", name.escape_debug());
            prop_assert_eq!(pdf(&name), name.clone(), "a fit name stays as it is");
            let header = disposition(&name);
            prop_assert!(header.bytes().all(|b| (0x20..0x7f).contains(&b)));
            prop_assert_eq!(header.matches('"').count(), 2);
        }
    }
}
