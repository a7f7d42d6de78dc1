//! The commands accept every example in their help texts.

use clap::{Command, CommandFactory, Parser};

use super::Arguments;

/// The commands' lines of the examples in a help text, each with what follows its `\`.
fn examples(help: &str) -> Vec<String> {
    let joined = help.replace("\\\n", " ");
    let lines = joined.lines().filter_map(|line| {
        let line = line.trim();
        // What is written to it, and what is done with what it writes, is the shell's.
        let start = line.find("sagemaker-async ")?;
        let is_command = start == 0 || line[..start].trim_end().ends_with(['|', ';', '&']);
        is_command.then(|| line[start..].to_owned())
    });
    lines.collect()
}

/// The arguments of one, up to a redirection or a pipe.
fn arguments(example: &str) -> Vec<String> {
    let words = shlex::split(example).unwrap_or_else(|| panic!("not for a shell: {example}"));
    let ends = |word: &String| {
        matches!(
            word.as_str(),
            ">" | ">>" | "<" | "|" | "&&" | ";" | "2>" | "&"
        )
    };
    words.into_iter().take_while(|word| !ends(word)).collect()
}

fn check(command: &mut Command) -> usize {
    let help = command.render_long_help().to_string();
    let found = examples(&help);
    for example in &found {
        let parsed = Arguments::try_parse_from(arguments(example));
        assert!(
            parsed.is_ok(),
            "{example}: {}",
            parsed.err().map_or_else(String::new, |e| e.to_string())
        );
    }
    found.len()
}

#[test]
fn every_command_has_examples_and_takes_them() {
    let mut all = Arguments::command();
    all.build();
    for command in all.get_subcommands_mut() {
        if command.get_name() == "help" {
            continue;
        }
        assert!(check(command) > 0, "no example for {}", command.get_name());
    }
}
