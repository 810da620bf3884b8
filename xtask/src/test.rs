//! `cargo xtask test`: everything that CI runs, and what came of it.

use std::{
    env,
    io::{self, Write as _},
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};

use crate::{
    process::{cargo_native, command, output, run, watch},
    report::{duration, say},
    tidy, tools, wasm,
    workspace::Workspace,
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

/// Runs every step, the cheap ones first; goes on after a failure, and sums up.
pub(crate) fn run_all(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("tools", || tools::require_web_tools(workspace));
    steps.run("tidy", || tidy::run(workspace));
    steps.run("player", || player(&workspace.root));
    steps.run("Rust tests", || rust(workspace));
    steps.run("Rust examples in docs", || documentation(&workspace.root));
    steps.run("wasm and its sizes", || wasm::build_and_weigh(workspace));
    steps.run("simulated worlds", || simulate(workspace, &[]));
    match tools::require_chromium() {
        Ok(_) => steps.run("browser stories", || end_to_end(workspace, &[])),
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
        let (mut passed, mut failed) = (0, 0);
        writeln!(out)?;
        for Step { name, outcome, took } in &self.0 {
            let word = match outcome {
                Outcome::Passed => {
                    passed += 1;
                    "passed".to_owned()
                }
                Outcome::Failed(error) => {
                    failed += 1;
                    format!("FAILED: {error:#}")
                }
                Outcome::Skipped(requirement) => format!("skipped: no {requirement} here"),
            };
            writeln!(out, "{name:<24} {:>12}  {word}", duration(*took))?;
        }
        let total: Duration = self.0.iter().map(|step| step.took).sum();
        writeln!(out, "{:<24} {:>12}\n", "together", duration(total))?;
        writeln!(out, "{passed} passed, {failed} failed")?;
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
    watch("Checking the player's types", command(root, "tsc", &["-p", "www"]))?;
    run(&mut command(root, "node", &["www/test.mjs"]))
}

fn rust(workspace: &Workspace) -> Result<()> {
    if let Err(missing) = tools::require_ffmpeg() {
        if is_required("ffmpeg") {
            return Err(missing);
        }
        say(&format!("Tests that need ffmpeg are skipped: {missing:#}"));
    }
    let root = &workspace.root;
    let has_nextest = output("cargo", &["nextest", "--version"]).is_some();
    let runner: &[&str] =
        if has_nextest { &["nextest", "run", "--no-tests=pass"] } else { &["test", "--all-targets"] };
    let mut build = cargo_native(root, runner);
    build.arg("--no-run");
    watch("Building the tests", build)?;
    run(&mut cargo_native(root, runner))
}

fn documentation(root: &Path) -> Result<()> {
    watch("Examples in docs", cargo_native(root, &["test", "--doc"]))
}

/// `cargo xtask sim`
pub(crate) fn simulate(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    watch("Building the simulator", cargo_native(&workspace.root, &["build", "--bin", "thetab-sim"]))?;
    run(command(&workspace.root, workspace.program("thetab-sim"), &[]).args(arguments))
}

/// `cargo xtask fuzz`
pub(crate) fn fuzz(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    watch("Building the fuzzer", cargo_native(&workspace.root, &["build", "--bin", "thetab-fuzz"]))?;
    run(command(&workspace.root, workspace.program("thetab-fuzz"), &[]).args(arguments))
}

/// `cargo xtask fuzz --grow TARGET`: libFuzzer sees which inputs reach new code, and keeps those.
pub(crate) fn grow(root: &Path, target: &str) -> Result<()> {
    let nightly = ["run", "nightly", "cargo", "fuzz"];
    ensure!(
        output("rustup", &[&nightly[..], &["--version"]].concat()).is_some(),
        "libFuzzer needs two more tools: rustup toolchain install nightly && cargo install --locked cargo-fuzz"
    );
    let driver = ["run", "--fuzz-dir", "tests/fuzz", "--features", "libfuzzer", "libfuzzer"];
    let mut grow = command(root, "rustup", &nightly);
    grow.args(driver).arg(format!("tests/fuzz/corpus/{target}"));
    grow.args(["--", "-max_len=4096", "-max_total_time=600"]).env("THETAB_FUZZ_TARGET", target);
    run(&mut grow)
}

/// `cargo xtask e2e`
pub(crate) fn end_to_end(workspace: &Workspace, stories: &[String]) -> Result<()> {
    let root = &workspace.root;
    let chromium = tools::require_chromium()?;
    wasm::build(workspace)?;
    let programs = ["build", "--bin", "thetab", "--bin", "evil-peer"];
    watch("Building thetab and the evil peer", cargo_native(root, &programs))?;
    let mut run_stories = command(root, "node", &["tests/e2e/run.mjs"]);
    run_stories
        .args(stories)
        .env("THETAB_CHROMIUM", chromium)
        .env("THETAB_BIN", workspace.program("thetab"))
        .env("THETAB_APP", root.join(wasm::APP))
        .env("THETAB_EVIL_PEER", workspace.program("evil-peer"));
    run(&mut run_stories)
}
