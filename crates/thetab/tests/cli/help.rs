//! What `--help` teaches.

use crate::support::{error_of, said, thetab};

fn help(arguments: &[&str]) -> String {
    let output = thetab().args(arguments).arg("--help").output().unwrap();
    let (stdout, stderr) = said(&output);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr, "");
    stdout
}

#[test]
fn every_command_has_help_that_fits_a_terminal() {
    for command in [&[][..], &["up"], &["relay"], &["edge"], &["publish"]] {
        let text = help(command);
        assert!(text.contains("Usage: thetab"), "{text}");
        let longest = text.lines().max_by_key(|line| line.chars().count()).unwrap();
        assert!(longest.chars().count() <= 100, "{command:?}: {longest}");
    }
}

#[test]
fn help_is_as_wide_as_the_terminal_that_it_is_told_of() {
    for columns in ["60", "80"] {
        let output = thetab().args(["relay", "--help"]).env("COLUMNS", columns).output().unwrap();
        let options = said(&output).0.split("Examples:").next().unwrap().to_owned();
        let longest = options.lines().map(|line| line.chars().count()).max().unwrap();
        assert!(longest <= columns.parse().unwrap(), "{longest} columns of {columns}: {options}");
    }
}

#[test]
fn help_shows_examples_and_what_happens_without_a_flag() {
    let relay = help(&["relay"]);
    for taught in [
        "Examples:",
        "--external-address",
        "THETAB_LIMITS__REQUESTS_PER_SECOND",
        "[default: 8080]",
        "Back up",
    ] {
        assert!(relay.contains(taught), "{taught}");
    }
    let publish = help(&["publish"]);
    for taught in ["Examples:", "--loop", "--packaged", "--replace", "[default: 4]", "THETAB_DATA"] {
        assert!(publish.contains(taught), "{taught}");
    }
    assert!(help(&[]).contains("publish"));
}

#[test]
fn without_a_command_it_says_which_there_are() {
    let error = error_of(&mut thetab());
    assert!(error.contains("Usage: thetab") && error.contains("relay"), "{error}");
    let error = error_of(thetab().arg("publsh"));
    assert!(error.contains("publish"), "{error}");
    let error = error_of(thetab().args(["relay", "--htpp-port", "1"]));
    assert!(error.contains("--http-port"), "{error}");
}

#[test]
fn it_knows_its_version() {
    let output = thetab().arg("--version").output().unwrap();
    assert_eq!(said(&output).0, format!("thetab {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_names_every_limit_with_its_default() {
    let text = help(&["relay"]);
    let limits = serde_json::to_value(thetab_relay::LimitSettings::default()).unwrap();
    for (name, value) in limits.as_object().unwrap() {
        assert!(text.contains(&format!("{name} {value}")), "{name} {value}");
    }
}
