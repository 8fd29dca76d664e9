//! Content lines of iCalendar (RFC 5545 §3.1): escaped, folded at 75 octets, ended by CRLF. Written here because the crate that writes calendars has no
//! way to write the observances of a time zone. Knows no component.

/// A calendar file in the making.
#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    /// A value that has its form already: a date, a number, an address.
    pub(super) fn plain(&mut self, name: &str, value: &str) {
        self.fold(&format!("{name}:{}", without_controls(value)));
    }

    /// A value of type TEXT.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        let escaped = value.chars().fold(String::with_capacity(value.len()), |mut out, c| {
            match c {
                '\\' | ';' | ',' => out.extend(['\\', c]),
                '\n' => out.push_str("\\n"),
                c if c.is_control() => {}
                c => out.push(c),
            }
            out
        });
        self.fold(&format!("{name}:{escaped}"));
    }

    /// `BEGIN`, what `inside` writes, `END`.
    pub(super) fn component(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        self.plain("BEGIN", name);
        inside(self);
        self.plain("END", name);
    }

    /// The file.
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// Between characters, so that no line ends within one.
    fn fold(&mut self, line: &str) {
        const OCTETS: usize = 75;
        let mut used = 0;
        for c in line.chars() {
            if used + c.len_utf8() > OCTETS {
                self.0.push_str("\r\n ");
                used = 1;
            }
            self.0.push(c);
            used += c.len_utf8();
        }
        self.0.push_str("\r\n");
    }
}

/// The value of a parameter, quoted: what cannot stand in quotes is left out (RFC 5545 §3.1 knows no escape for them).
pub(super) fn quoted(value: &str) -> String {
    format!("\"{}\"", value.chars().filter(|c| *c != '"' && !c.is_control()).collect::<String>())
}

fn without_controls(value: &str) -> String {
    value.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Lines)) -> String {
        let mut lines = Lines::default();
        write(&mut lines);
        lines.finish()
    }

    #[test]
    fn text_is_escaped_and_cannot_begin_a_line_of_its_own() {
        let text = written(|lines| lines.text("SUMMARY", "a,b;c\\d\r\nATTENDEE:x\u{7}"));
        assert_eq!(text, "SUMMARY:a\\,b\\;c\\\\d\\nATTENDEE:x\r\n");
        assert_eq!(written(|lines| lines.plain("UID", "1\r\nX:2")), "UID:1X:2\r\n");
        assert_eq!(quoted("Eve \"the\" \r\nMember"), "\"Eve the Member\"");
    }

    #[test]
    fn lines_are_folded_at_75_octets_between_characters_and_unfold_to_what_was_written() {
        for value in ["x".repeat(300), "é".repeat(150), "😀a".repeat(60)] {
            let text = written(|lines| lines.text("DESCRIPTION", &value));
            assert!(text.split("\r\n").all(|line| line.len() <= 75), "{text}");
            assert_eq!(text.replace("\r\n ", ""), format!("DESCRIPTION:{value}\r\n"));
        }
    }
}
