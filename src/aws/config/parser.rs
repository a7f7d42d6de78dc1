//! Parses a file into sections. Section headers are not interpreted here.
//!
//! The grammar, line by line. Blanks are Unicode white space, so that a no-break space copied from a web page
//! separates like a space.
//! - A blank line, and one that *begins* with `#` or `;`, is ignored.
//! - A line that begins with `[` opens a section, as does an indented one where no property is open.
//!   Only a comment may follow the closing bracket. A bracket in quotes does not close.
//! - A line that begins with a blank continues the property above it, comments and all.
//!   Below a property without a value it is a sub-property and must have a name and an `=`.
//! - Any other line is `name = value`. A comment after it needs a blank before its sign.
//!
//! A line that violates the grammar makes its section malformed, which is an error when
//! that section is used, and leaves all other sections intact.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::names;

const COMMENT: [char; 2] = ['#', ';'];

/// A section as written: everything between the brackets, and what is below.
pub(super) struct RawSection<'a> {
    pub(super) header: &'a str,
    /// The line of the header, from 1.
    pub(super) line: usize,
    /// Names in lower case. Lines of a value are joined with `\n`. Zeroized on drop, because there are secret keys
    /// among them.
    pub(super) properties: BTreeMap<String, Zeroizing<String>>,
    /// The first line that violates the grammar.
    pub(super) problem: Option<ParseError>,
}

/// The problem of a line. Without the line's text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParseError {
    /// From 1.
    pub(super) line: usize,
    pub(super) problem: &'static str,
    pub(super) remedy: String,
}

/// A parsed file.
#[derive(Default)]
pub(super) struct ParsedFile<'a> {
    /// In order; a name may occur more than once.
    pub(super) sections: Vec<RawSection<'a>>,
    /// The first line above all sections, except comments.
    pub(super) stray: Option<ParseError>,
    /// Indented lines that resemble headers but continue a value, with their line numbers.
    pub(super) indented_headers: Vec<(usize, &'a str)>,
}

impl ParsedFile<'_> {
    /// The first malformed line of the file.
    pub(super) fn first_problem(&self) -> Option<&ParseError> {
        let of_sections = self.sections.iter().filter_map(|s| s.problem.as_ref());
        self.stray.iter().chain(of_sections).next()
    }
}

type Problem = (&'static str, &'static str);

const NO_SECTION: Problem = (
    "Expected a profile definition",
    "put [default] or [profile name] above the first property",
);
const NO_PROPERTY: Problem = (
    "Expected a property definition, found a continuation line",
    "start the line at its left edge, as name = value",
);
const NO_BRACKET: Problem = (
    "Profile definition must end with ']'",
    "close the bracket and put nothing but a comment after it",
);
const NO_EQUALS: Problem = (
    "Expected an '=' sign defining a property",
    "write it as name = value",
);
const NO_NAME: Problem = ("Property did not have a name", "write it as name = value");
const SUB_NO_EQUALS: Problem = (
    "Expected an '=' sign defining a sub-property",
    "write it as name = value, or give the property above a value on its own line",
);
const SUB_NO_NAME: Problem = (
    "Sub-property did not have a name",
    "write it as name = value",
);
const NOT_UTF8: Problem = ("The line is not UTF-8 text", "save the file as UTF-8");
/// For a setting's name with an unexpected character.
const MISSPELT: &str = "The name of a setting has a character that does not belong to it";

pub(super) fn parse(text: &[u8]) -> ParsedFile<'_> {
    let mut parser = Parser::default();
    for (index, line) in text.split(|b| *b == b'\n').enumerate() {
        parser.number = index + 1;
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let outcome = match std::str::from_utf8(line) {
            Ok(line) => parser.line(line),
            Err(_) if line.starts_with(b"#") || line.starts_with(b";") => Ok(()),
            Err(_) => {
                parser.open = None;
                Err(fault(NOT_UTF8))
            }
        };
        if let Err((problem, remedy)) = outcome {
            parser.note(ParseError {
                line: index + 1,
                problem,
                remedy,
            });
        }
    }
    parser.file
}

type Fault = (&'static str, String);

fn fault((problem, remedy): Problem) -> Fault {
    (problem, remedy.to_owned())
}

#[derive(Default)]
struct Parser<'a> {
    file: ParsedFile<'a>,
    /// The property that a continuation line belongs to.
    open: Option<Open>,
    /// Of the line, from 1.
    number: usize,
}

struct Open {
    name: String,
    has_sub_properties: bool,
}

impl<'a> Parser<'a> {
    fn note(&mut self, error: ParseError) {
        let place = match self.file.sections.last_mut() {
            Some(section) => &mut section.problem,
            None => &mut self.file.stray,
        };
        place.get_or_insert(error);
    }

    fn line(&mut self, line: &'a str) -> Result<(), Fault> {
        let text = line.trim();
        if text.is_empty() || line.starts_with(COMMENT) {
            return Ok(());
        }
        let is_indented = line.starts_with(char::is_whitespace);
        if text.starts_with('[') && (!is_indented || self.open.is_none()) {
            self.section(text)
        } else if is_indented {
            self.continuation(text)
        } else {
            self.property(text)
        }
    }

    fn section(&mut self, line: &'a str) -> Result<(), Fault> {
        let (header, is_closed) = header(line);
        self.file.sections.push(RawSection {
            header,
            line: self.number,
            properties: BTreeMap::new(),
            problem: None,
        });
        self.open = None;
        if is_closed {
            Ok(())
        } else {
            Err(fault(NO_BRACKET))
        }
    }

    fn property(&mut self, line: &str) -> Result<(), Fault> {
        self.open = None;
        let section = self.file.sections.last_mut();
        let section = section.ok_or_else(|| fault(NO_SECTION))?;
        let (name, value) = name_and_value(line, NO_EQUALS, NO_NAME)?;
        self.open = Some(Open {
            name: name.clone(),
            has_sub_properties: value.is_empty(),
        });
        let misspelt = check_spelling(&name);
        let value = Zeroizing::new(value.to_owned());
        section.properties.insert(name, value);
        misspelt
    }

    fn continuation(&mut self, line: &'a str) -> Result<(), Fault> {
        let section = self.file.sections.last_mut();
        let section = section.ok_or_else(|| fault(NO_SECTION))?;
        let open = self.open.as_ref().ok_or_else(|| fault(NO_PROPERTY))?;
        let mut misspelt = Ok(());
        if open.has_sub_properties {
            if line.starts_with(COMMENT) {
                return Ok(());
            }
            let (name, _) = name_and_value(line, SUB_NO_EQUALS, SUB_NO_NAME)?;
            misspelt = check_spelling(&name);
        }
        if line.starts_with('[') {
            self.file
                .indented_headers
                .push((self.number, header(line).0));
        }
        if let Some(value) = section.properties.get_mut(&open.name) {
            value.push('\n');
            value.push_str(line);
        }
        misspelt
    }
}

/// A name that is not one of AWS's grammar, and differs from a setting that is read here only in what
/// a reader does not see or takes for the same.
fn check_spelling(name: &str) -> Result<(), Fault> {
    match names::misspelt_setting(name) {
        Some(meant) => Err((MISSPELT, format!("write it as {meant}"))),
        None => Ok(()),
    }
}

/// The text between the brackets of a header line, and whether the line is well formed.
fn header(line: &str) -> (&str, bool) {
    let inside = &line[1..];
    let Some(end) = closing_bracket(inside).or_else(|| inside.find(']')) else {
        let end = inside.find(COMMENT).unwrap_or(inside.len());
        return (&inside[..end], false);
    };
    let after = inside[end + 1..].trim_start();
    let is_closed = after.is_empty() || after.starts_with(COMMENT);
    (&inside[..end], is_closed)
}

/// The first one outside quotes; none where a quote stays open, as the apostrophe in `[o'neil]` does.
fn closing_bracket(text: &str) -> Option<usize> {
    let mut quote = None;
    for (index, c) in text.char_indices() {
        match (quote, c) {
            (None, ']') => return Some(index),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

fn name_and_value(
    line: &str,
    no_equals: Problem,
    no_name: Problem,
) -> Result<(String, &str), Fault> {
    let (name, value) = without_comment(line)
        .split_once('=')
        .ok_or_else(|| fault(no_equals))?;
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() {
        return Err(fault(no_name));
    }
    if name == COMMAND {
        let whole = line.split_once('=').map_or("", |(_, value)| value);
        return Ok((name, without_comment_outside_quotes(whole)));
    }
    Ok((name, value.trim()))
}

/// The setting whose value has quotes that mean something: a command.
const COMMAND: &str = "credential_process";

/// As [`without_comment`], where a sign in quotes begins none; if a quote stays open, all signs do.
fn without_comment_outside_quotes(value: &str) -> &str {
    let (mut quote, mut after_space) = (None, false);
    for (index, c) in value.char_indices() {
        match (quote, c) {
            (None, c) if after_space && COMMENT.contains(&c) => return value[..index].trim(),
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
        after_space = c.is_whitespace();
    }
    match quote {
        Some(_) => without_comment(value),
        None => value.trim(),
    }
}

/// The line up to a comment's sign that has a blank before it, trimmed.
fn without_comment(line: &str) -> &str {
    let line = line.trim();
    let mut after_space = false;
    for (index, c) in line.char_indices() {
        if after_space && COMMENT.contains(&c) {
            return line[..index].trim();
        }
        after_space = c.is_whitespace();
    }
    line
}

/// A value that [`parse`] made, up to the comments that are all there is below its first line.
pub(super) fn without_comments_below(value: &str) -> &str {
    match value.split_once('\n') {
        Some((first, below)) if below.split('\n').all(|line| line.starts_with(COMMENT)) => first,
        _ => value,
    }
}

/// The sub-properties in a value that [`parse`] made, without their comments. A value that has text
/// on its first line and only continues has none.
pub(super) fn sub_properties(value: &str) -> impl DoubleEndedIterator<Item = (String, &str)> {
    value
        .strip_prefix('\n')
        .unwrap_or_default()
        .split('\n')
        .filter_map(|line| name_and_value(line, SUB_NO_EQUALS, SUB_NO_NAME).ok())
}
