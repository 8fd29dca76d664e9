//! What a file is, judged by its bytes alone: its name and the word of the browser count for nothing (trust.md O15). Unpacks and renders nothing.

use serde::{Deserialize, Serialize};

/// The kinds of file that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileType {
    /// PDF.
    Pdf,
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// HEIC, as phones take pictures.
    Heic,
    /// TIFF, as scanners do.
    Tiff,
    /// Word.
    Docx,
    /// OpenDocument text.
    Odt,
}

impl FileType {
    /// For `Content-Type`.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Heic => "image/heic",
            Self::Tiff => "image/tiff",
            Self::Docx => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            Self::Odt => "application/vnd.oasis.opendocument.text",
        }
    }

    /// Endings of a name that say the same, the usual one first.
    pub fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Pdf => &["pdf"],
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png"],
            Self::Heic => &["heic", "heif"],
            Self::Tiff => &["tif", "tiff"],
            Self::Docx => &["docx"],
            Self::Odt => &["odt"],
        }
    }

    /// A page or a picture that each browser can show: what a copy of an identity card can be, since an agent only ever looks at it.
    pub fn shows_a_card(self) -> bool {
        matches!(self, Self::Pdf | Self::Jpeg | Self::Png)
    }
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// None of the kinds that are taken.
    #[error("the file is none of PDF, JPEG, PNG, HEIC, TIFF, DOCX, ODT")]
    Kind,
    /// It is two kinds of file at once, or carries a program.
    #[error("the file is of two kinds at once, or carries a program")]
    Double,
}

/// Bytes of the beginning by which the kind is told.
pub const HEAD: usize = 64 * 1024;
/// Bytes of the end that are looked at: the longest end record of a ZIP file with its comment.
pub const TAIL: usize = 22 + 65_535;
/// Within so many bytes readers of PDF and HTML still find a beginning.
const BEGINNING: usize = 1024;

/// The kind, by the first `HEAD` bytes, or all of them when there are fewer.
pub fn judge_head(head: &[u8]) -> Result<FileType, Unfit> {
    if head.is_empty() {
        return Err(Unfit::Empty);
    }
    let kind = match infer::get(head).ok_or(Unfit::Kind)?.mime_type() {
        "application/pdf" => FileType::Pdf,
        "image/jpeg" => FileType::Jpeg,
        "image/png" => FileType::Png,
        "image/heif" | "image/heic" => FileType::Heic,
        "image/tiff" => FileType::Tiff,
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => FileType::Docx,
        "application/vnd.oasis.opendocument.text" => FileType::Odt,
        _ => return Err(Unfit::Kind),
    };
    let beginning = head[..head.len().min(BEGINNING)].to_ascii_lowercase();
    let says = |word: &[u8]| beginning.windows(word.len()).any(|window| window == word);
    let markup: [&[u8]; 6] = [b"<html", b"<script", b"<svg", b"<!doctype", b"<iframe", b"<body"];
    if markup.into_iter().any(says) || (kind != FileType::Pdf && says(b"%pdf-")) {
        return Err(Unfit::Double);
    }
    Ok(kind)
}

/// What only shows at the end and in between: gathers as the bytes go by, and keeps `TAIL` of them.
#[derive(Default)]
pub struct Passing {
    tail: Vec<u8>,
    has_program: bool,
}

impl Passing {
    /// The next bytes, in order.
    pub fn see(&mut self, bytes: &[u8]) {
        const PROGRAM: &[u8] = b"vbaProject.bin";
        let before = self.tail.len().saturating_sub(PROGRAM.len() - 1);
        self.tail.extend_from_slice(bytes);
        self.has_program |= self.tail[before..].windows(PROGRAM.len()).any(|window| window == PROGRAM);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }

    /// The last word on a file of this kind, once all of it was seen.
    pub fn judge(&self, kind: FileType) -> Result<(), Unfit> {
        let is_package = matches!(kind, FileType::Docx | FileType::Odt);
        if (is_package && self.has_program) || (!is_package && self.ends_as_zip()) {
            return Err(Unfit::Double);
        }
        Ok(())
    }

    /// A ZIP is read from its end: its end record with a comment that reaches exactly to the last byte.
    fn ends_as_zip(&self) -> bool {
        let record = |at: usize| {
            let length = self.tail.get(at + 20..at + 22).map(|length| usize::from(u16::from_le_bytes([length[0], length[1]])));
            self.tail[at..].starts_with(b"PK\x05\x06") && length.is_some_and(|length| at + 22 + length == self.tail.len())
        };
        (0..self.tail.len().saturating_sub(21)).any(record)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
    const PDF: &[u8] = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n";

    /// The whole judgement, as an upload asks for it.
    fn judged(bytes: &[u8]) -> Result<FileType, Unfit> {
        let kind = judge_head(&bytes[..bytes.len().min(HEAD)])?;
        let mut passing = Passing::default();
        bytes.chunks(7).for_each(|chunk| passing.see(chunk));
        passing.judge(kind).map(|()| kind)
    }

    fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file = Vec::new();
        for (name, body) in entries {
            file.extend_from_slice(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
            file.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
            file.extend_from_slice(&u32::try_from(body.len()).unwrap().to_le_bytes());
            file.extend_from_slice(&u16::try_from(name.len()).unwrap().to_le_bytes());
            file.extend_from_slice(b"\0\0");
            file.extend_from_slice(name.as_bytes());
            file.extend_from_slice(body);
        }
        file.extend_from_slice(b"PK\x05\x06");
        file.extend_from_slice(&[0; 18]);
        file
    }

    fn docx() -> Vec<u8> {
        let body = [b'x'; 400];
        zip(&[("[Content_Types].xml", &body), ("_rels/.rels", &body), ("word/document.xml", &body), ("word/styles.xml", &body)])
    }

    #[test]
    fn the_kinds_that_are_taken_are_told_by_their_bytes() {
        assert_eq!(judged(PDF), Ok(FileType::Pdf));
        assert_eq!(judged(PNG), Ok(FileType::Png));
        assert_eq!(judged(JPEG), Ok(FileType::Jpeg));
        assert_eq!(judged(b"II*\0\x08\0\0\0\0\0"), Ok(FileType::Tiff));
        assert_eq!(judged(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), Ok(FileType::Heic));
        assert_eq!(judged(&docx()), Ok(FileType::Docx));
        let odt = zip(&[("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<x/>")]);
        assert_eq!(judged(&odt), Ok(FileType::Odt));
    }

    #[test]
    fn what_a_browser_would_run_and_everything_else_is_refused() {
        for bytes in [
            &b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>1</script></svg>"[..],
            b"<?xml version=\"1.0\"?><svg/>",
            b"<!DOCTYPE html><html></html>",
            b"MZ\x90\0\x03\0\0\0",
            b"\x7fELF\x02\x01\x01\0\0\0",
            b"#!/bin/sh\nrm -rf /\n",
            b"GIF89a\x01\0\x01\0",
            b"just text",
            b"\0",
        ] {
            assert_eq!(judged(bytes), Err(Unfit::Kind), "{}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(judged(&zip(&[("a.txt", b"x")])), Err(Unfit::Kind), "a bare archive");
        assert_eq!(judged(b""), Err(Unfit::Empty));
    }

    #[test]
    fn files_of_two_kinds_are_refused() {
        assert_eq!(judged(&[JPEG, b"<html><script>alert(1)</script>"].concat()), Err(Unfit::Double));
        assert_eq!(judged(&[PDF, b"<SVG onload=1>"].concat()), Err(Unfit::Double));
        assert_eq!(judged(&[PNG, b"%PDF-1.4 the same again as a PDF"].concat()), Err(Unfit::Double));
        let archive = zip(&[("evil.exe", b"MZ")]);
        for front in [PDF, JPEG, PNG] {
            assert_eq!(judged(&[front, &archive[..]].concat()), Err(Unfit::Double), "an archive behind it");
        }
    }

    #[test]
    fn a_word_file_with_a_program_is_refused_wherever_the_program_is_named() {
        let mut file = docx();
        let at = file.len() - 22;
        file.splice(at..at, b"PK\x01\x02word/vbaProject.bin".iter().copied());
        assert_eq!(judged(&file), Err(Unfit::Double));
    }

    #[test]
    fn a_picture_with_the_mark_of_an_archive_inside_is_a_picture() {
        let picture = [JPEG, b"PK\x05\x06".as_slice(), &[1; 300]].concat();
        assert_eq!(judged(&picture), Ok(FileType::Jpeg));
    }

    proptest! {
        #[test]
        fn any_bytes_are_judged_alike_however_they_come_in(
            kind in 0..8_usize,
            body in prop::collection::vec(any::<u8>(), 0..2000),
            ends_as_zip in any::<bool>(),
            size in 1..300_usize,
        ) {
            let word = docx();
            let mut file = [PDF, PNG, JPEG, b"", &word[..700], b"PK\x03\x04", b"II*\0", b"\0\0\0\x18ftypheic"][kind].to_vec();
            file.extend(body);
            if ends_as_zip {
                file.extend_from_slice(b"PK\x05\x06");
                file.extend_from_slice(&[0; 18]);
            }
            let whole = judge_head(&file).and_then(|kind| {
                let mut passing = Passing::default();
                passing.see(&file);
                passing.judge(kind).map(|()| kind)
            });
            let in_parts = judge_head(&file).and_then(|kind| {
                let mut passing = Passing::default();
                file.chunks(size).for_each(|part| passing.see(part));
                passing.judge(kind).map(|()| kind)
            });
            prop_assert_eq!(whole, in_parts);
            if ends_as_zip && !matches!(whole, Ok(FileType::Docx | FileType::Odt)) {
                prop_assert!(whole.is_err());
            }
        }
    }
}
