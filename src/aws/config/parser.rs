//! One file's text into its sections, literally: names of sections are not understood here, names
//! of properties not checked.
//!
//! The grammar, a line at a time:
//! - A line of spaces and tabs only, and one that *begins* with `#` or `;`, says nothing.
//! - A line that begins with `[` opens a section. A comment may follow at once.
//! - A line that begins with a space or a tab continues the property above it, comments and all.
//!   Under a property without a value it is a sub-property and must have a name and an `=`.
//! - Any other line is `name = value`. A comment after it needs a space or a tab before its sign.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

/// What the grammar takes for space; other Unicode spaces are part of names and values.
const SPACE: [char; 2] = [' ', '\t'];
const COMMENT: [char; 2] = ['#', ';'];

/// A section as written: all between the brackets, and what is below.
pub(super) struct RawSection<'a> {
    pub(super) header: &'a str,
    /// Names in lower case. Lines of a value are joined with `\n`.
    /// Wiped when they are dropped, for there are secret keys among them.
    pub(super) properties: BTreeMap<String, Zeroizing<String>>,
}

/// What is wrong with a line. Holds nothing of the line, which may be a secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ParseError {
    /// From 1.
    pub(super) line: usize,
    pub(super) problem: &'static str,
    pub(super) remedy: &'static str,
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

/// The sections in the order of the file; one name may come more than once.
pub(super) fn parse(text: &str) -> Result<Vec<RawSection<'_>>, ParseError> {
    let mut parser = Parser::default();
    for (index, line) in text.lines().enumerate() {
        parser.line(line).map_err(|(problem, remedy)| ParseError {
            line: index + 1,
            problem,
            remedy,
        })?;
    }
    Ok(parser.sections)
}

#[derive(Default)]
struct Parser<'a> {
    sections: Vec<RawSection<'a>>,
    /// The property that a continuation line belongs to.
    open: Option<Open>,
}

struct Open {
    name: String,
    has_sub_properties: bool,
}

impl<'a> Parser<'a> {
    fn line(&mut self, line: &'a str) -> Result<(), Problem> {
        if line.trim_matches(SPACE).is_empty() || line.starts_with(COMMENT) {
            Ok(())
        } else if line.starts_with('[') {
            self.section(line)
        } else if line.starts_with(SPACE) {
            self.continuation(line)
        } else {
            self.property(line)
        }
    }

    fn section(&mut self, line: &'a str) -> Result<(), Problem> {
        let line = line.split(COMMENT).next().unwrap_or(line);
        let header = line
            .trim_matches(SPACE)
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
            .ok_or(NO_BRACKET)?;
        self.sections.push(RawSection {
            header,
            properties: BTreeMap::new(),
        });
        self.open = None;
        Ok(())
    }

    fn property(&mut self, line: &str) -> Result<(), Problem> {
        let section = self.sections.last_mut().ok_or(NO_SECTION)?;
        let (name, value) = name_and_value(line, NO_EQUALS, NO_NAME)?;
        self.open = Some(Open {
            name: name.clone(),
            has_sub_properties: value.is_empty(),
        });
        let value = Zeroizing::new(value.to_owned());
        section.properties.insert(name, value);
        Ok(())
    }

    fn continuation(&mut self, line: &str) -> Result<(), Problem> {
        let section = self.sections.last_mut().ok_or(NO_SECTION)?;
        let open = self.open.as_ref().ok_or(NO_PROPERTY)?;
        let line = line.trim_matches(SPACE);
        if open.has_sub_properties {
            if line.starts_with(COMMENT) {
                return Ok(());
            }
            name_and_value(line, SUB_NO_EQUALS, SUB_NO_NAME)?;
        }
        if let Some(value) = section.properties.get_mut(&open.name) {
            value.push('\n');
            value.push_str(line);
        }
        Ok(())
    }
}

fn name_and_value(
    line: &str,
    no_equals: Problem,
    no_name: Problem,
) -> Result<(String, &str), Problem> {
    let (name, value) = without_comment(line).split_once('=').ok_or(no_equals)?;
    let name = name.trim_matches(SPACE);
    if name.is_empty() {
        return Err(no_name);
    }
    Ok((name.to_ascii_lowercase(), value.trim_matches(SPACE)))
}

/// The line up to a comment's sign that has white space before it, trimmed.
fn without_comment(line: &str) -> &str {
    let line = line.trim_matches(SPACE);
    let mut after_space = false;
    for (index, c) in line.char_indices() {
        if after_space && COMMENT.contains(&c) {
            return line[..index].trim_matches(SPACE);
        }
        after_space = c.is_whitespace();
    }
    line
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

/// Trims what the grammar takes for space.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(SPACE)
}
