//! `cargo xtask test`: everything that CI runs, and what came of it.

use std::{
    env,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    process::{cargo, command, output, run},
    report::{duration, say},
    tidy, tools, up, wasm,
};

/// What became of one step.
enum Outcome {
    Passed,
    Failed(anyhow::Error),
    Skipped(&'static str),
}

/// One step's name, and what became of it.
struct Step {
    name: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// Runs every step, also after one has failed, and sums up.
pub(crate) fn run_all(root: &Path) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("tools", || tools::require_web_tools(root));
    steps.run("tidy", || tidy::run(root));
    steps.run("player", || player(root));
    steps.run("rust tests", || rust(root));
    steps.run("rust examples in docs", || documentation(root));
    steps.run("wasm and its sizes", || wasm::build_and_weigh(root));
    steps.run("simulated worlds", || simulate(root, &[]));
    match browser_is_there() {
        Ok(()) => steps.run("browser stories", || end_to_end(root, &[])),
        Err(why) => steps.skip("browser stories", "chromium", why),
    }
    steps.sum_up()
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn run(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) {
        say(name);
        let started = Instant::now();
        let outcome = work().map_or_else(Outcome::Failed, |()| Outcome::Passed);
        if let Outcome::Failed(error) = &outcome {
            eprintln!("    FAILED: {error:#}");
        }
        self.0.push(Step { name, outcome, took: started.elapsed() });
    }

    /// A step that cannot be done here: said aloud, and a failure where `requirement` is required.
    fn skip(&mut self, name: &'static str, requirement: &'static str, why: anyhow::Error) {
        eprintln!("    {name}: {why:#}");
        let outcome =
            if is_required(requirement) { Outcome::Failed(why) } else { Outcome::Skipped(requirement) };
        self.0.push(Step { name, outcome, took: Duration::ZERO });
    }

    fn sum_up(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for Step { name, outcome, took } in &self.0 {
            let word = match outcome {
                Outcome::Passed => {
                    passed += 1;
                    "passed".to_owned()
                }
                Outcome::Failed(_) => {
                    failed += 1;
                    "FAILED".to_owned()
                }
                Outcome::Skipped(requirement) => {
                    skipped += 1;
                    format!("skipped: no {requirement} here")
                }
            };
            writeln!(out, "{name:<24} {:>12}  {word}", duration(*took))?;
        }
        let total: Duration = self.0.iter().map(|step| step.took).sum();
        writeln!(out, "{:<24} {:>12}\n", "together", duration(total))?;
        writeln!(out, "{passed} passed, {failed} failed, {skipped} skipped")?;
        if failed > 0 {
            bail!("{failed} of {} steps failed", self.0.len());
        }
        Ok(())
    }
}

/// Whether `THETAB_REQUIRE` (such as `chromium,ffmpeg`) names `requirement`.
fn is_required(requirement: &str) -> bool {
    env::var("THETAB_REQUIRE")
        .is_ok_and(|required| required.split(',').any(|word| word.trim() == requirement))
}

fn player(root: &Path) -> Result<()> {
    run(&mut command(root, "tsc", &["-p", "www"]))?;
    run(&mut command(root, "node", &["www/test.mjs"]))
}

fn rust(root: &Path) -> Result<()> {
    if let Err(missing) = tools::require_ffmpeg() {
        if is_required("ffmpeg") {
            return Err(missing);
        }
        eprintln!("    tests that need ffmpeg are skipped: {missing:#}");
    }
    let workspace = ["--workspace", "--locked", "--exclude", "thetab-browser"];
    let has_nextest = output("cargo", &["nextest", "--version"]).is_some();
    let runner: &[&str] =
        if has_nextest { &["nextest", "run", "--no-tests=pass"] } else { &["test", "--all-targets"] };
    run(cargo(root, runner).args(workspace))
}

fn documentation(root: &Path) -> Result<()> {
    run(&mut cargo(
        root,
        &["test", "--doc", "--workspace", "--locked", "--quiet", "--exclude", "thetab-browser"],
    ))
}

/// `cargo xtask sim`
pub(crate) fn simulate(root: &Path, arguments: &[String]) -> Result<()> {
    let simulator = ["run", "--locked", "--quiet", "--package", "thetab-sim", "--"];
    run(cargo(root, &simulator).args(arguments))
}

/// `cargo xtask fuzz`
pub(crate) fn fuzz(root: &Path, arguments: &[String]) -> Result<()> {
    let fuzzer = ["run", "--locked", "--quiet", "--package", "thetab-fuzz", "--"];
    run(cargo(root, &fuzzer).args(arguments))
}

fn browser_is_there() -> Result<()> {
    tools::require_chromium().map(|_| ())
}

/// `cargo xtask e2e`
pub(crate) fn end_to_end(root: &Path, stories: &[String]) -> Result<()> {
    wasm::build(root)?;
    up::build_thetab(root)?;
    run(&mut cargo(root, &["build", "--locked", "--quiet", "--package", "evil-peer"]))?;
    let mut stories_run = command(root, "node", &["tests/e2e/run.mjs"]);
    stories_run
        .args(stories)
        .env("THETAB_CHROMIUM", tools::require_chromium()?)
        .env("THETAB_BIN", root.join(up::THETAB))
        .env("THETAB_APP", root.join(wasm::APP))
        .env("THETAB_EVIL_PEER", root.join("target/debug/evil-peer"));
    run(&mut stories_run)
}
