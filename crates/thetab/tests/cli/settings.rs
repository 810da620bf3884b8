//! Settings from a file, the environment and flags.

use crate::support::{Running, error_of, free_port, relay, thetab};

/// Where a relay listens that is told ports in each of three ways.
fn port_of(file: Option<u16>, environment: Option<u16>, flag: Option<u16>) -> u16 {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("relay settings.toml");
    let http_port = file.map(|port| format!("http_port = {port}\n")).unwrap_or_default();
    let rest = "webrtc_port = 0\nwebsocket_port = 0\nstun_port = 0\ndata = \"unused\"\n";
    std::fs::write(&settings, format!("{http_port}{rest}")).unwrap();
    let mut command = thetab();
    command.arg("relay").arg("--config").arg(&settings).arg("--data").arg(folder.path());
    environment.map(|port| command.env("THETAB_HTTP_PORT", port.to_string()));
    flag.map(|port| command.args(["--http-port", &port.to_string()]));
    let mut running = Running::start(&mut command);
    let url = running.hear("thetab relay at ");
    assert!(!folder.path().join("unused").exists());
    url.rsplit(':').next().unwrap().parse().unwrap()
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let (file, environment, flag) = (free_port(), free_port(), free_port());
    assert_eq!(port_of(Some(file), None, None), file);
    assert_eq!(port_of(Some(file), Some(environment), None), environment);
    assert_eq!(port_of(Some(file), Some(environment), Some(flag)), flag);
}

#[test]
fn nested_settings_come_from_the_environment_too() {
    let folder = tempfile::tempdir().unwrap();
    let error = error_of(relay(folder.path()).env("THETAB_LIMITS__SESSIONS", "many"));
    assert!(error.contains("LIMITS.SESSIONS") && error.contains("many"), "{error}");
}

#[test]
fn a_misspelt_setting_is_named_wherever_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("relay.toml");
    for (content, named) in [
        ("htpp_port = 1\n", "htpp_port"),
        ("[limits]\nsesions = 1\n", "sesions"),
        ("http_port = \"x\"\n", "http_port"),
        ("host = \"nowhere\"\n", "host"),
        ("http_port = 70000\n", "http_port"),
        ("external_addresses = [\"203.0.113.7\"]\n", "external_addresses"),
        ("http_port = \n", "relay.toml"),
    ] {
        std::fs::write(&settings, content).unwrap();
        let error =
            error_of(thetab().args(["relay", "--data"]).arg(folder.path()).arg("--config").arg(&settings));
        assert!(error.contains(named), "{content}: {error}");
    }
    let error = error_of(relay(folder.path()).env("THETAB_HTPP_PORT", "1"));
    assert!(error.contains("htpp_port"), "{error}");
    let error = error_of(relay(folder.path()).args(["--config", "no such file.toml"]));
    assert!(error.contains("no such file.toml"), "{error}");
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    let folder = tempfile::tempdir().unwrap();
    let error = error_of(relay(folder.path()).args(["--tls-cert", "cert.pem"]));
    assert!(error.contains("--tls-cert") && error.contains("--tls-key"), "{error}");
    let error = error_of(relay(folder.path()).args(["--app", "no such app"]));
    assert!(error.contains("no such app"), "{error}");
}
