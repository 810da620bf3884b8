//! Fuzzes on stable: `thetab-fuzz run TARGET --runs 100000 --seed 1`.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    time::Instant,
};

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use thetab_fuzz::{Target, corpus, mutate::Mutator, target, targets};

/// Looks for bytes that break a reader of strangers' bytes.
#[derive(Debug, Parser)]
#[command(name = "thetab-fuzz")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the targets and how many inputs each has.
    List,
    /// Damages inputs of the corpus at random and runs them.
    Run {
        /// Which target; all without.
        target: Option<String>,
        /// How many inputs for each target.
        #[arg(long, default_value_t = 10_000)]
        runs: u64,
        /// Chooses the damage: equal seeds try equal inputs.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Runs inputs from files.
    Replay {
        /// Which target.
        target: String,
        /// The files.
        files: Vec<PathBuf>,
    },
    /// Writes the genuine inputs, and their damaged twins, into the corpus.
    Plant,
}

fn main() -> anyhow::Result<()> {
    let everything = Command::Run { target: None, runs: 10_000, seed: 1 };
    match Arguments::parse().command.unwrap_or(everything) {
        Command::List => list(),
        Command::Run { target, runs, seed } => {
            chosen(target)?.iter().try_for_each(|target| run(target, runs, seed))
        }
        Command::Replay { target, files } => {
            chosen(Some(target))?.iter().try_for_each(|target| replay(target, &files))
        }
        Command::Plant => plant(),
    }
}

fn chosen(name: Option<String>) -> anyhow::Result<Vec<Target>> {
    let Some(name) = name else { return Ok(targets()) };
    let found =
        target(&name).with_context(|| format!("no target is called `{name}`; see thetab-fuzz list"))?;
    Ok(vec![found])
}

fn list() -> anyhow::Result<()> {
    for target in targets() {
        writeln!(io::stdout(), "{:16} {} inputs", target.name, corpus::load(&target)?.len())?;
    }
    Ok(())
}

fn run(target: &Target, runs: u64, seed: u64) -> anyhow::Result<()> {
    let kept: Vec<Vec<u8>> = corpus::load(target)?.into_iter().map(|(_, input)| input).collect();
    let inputs = if kept.is_empty() { (target.seeds)() } else { kept };
    let mut mutator = Mutator::new(seed, target.longest);
    let (started, mut most) = (Instant::now(), 0);
    for number in 0..runs {
        let input = mutator.input(&inputs);
        match target.check(&input) {
            Ok(taken) => most = most.max(taken),
            Err(failure) => {
                let path = keep_failure(target, &input)?;
                bail!(
                    "{}: input {number} of seed {seed} {failure}\nIt is in {path}. Again: thetab-fuzz replay {} {path}",
                    target.name,
                    target.name,
                    path = path.display()
                );
            }
        }
    }
    let rate = runs as f64 / started.elapsed().as_secs_f64().max(0.001);
    writeln!(
        io::stdout(),
        "{:16} {runs} inputs, {rate:.0} a second, at most {most} bytes of memory",
        target.name
    )?;
    Ok(())
}

/// Failing inputs lie apart from the corpus until the bug is fixed; then they belong into it.
fn keep_failure(target: &Target, input: &[u8]) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join("thetab-fuzz");
    std::fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{}-{}", target.name, &blake3::hash(input).to_hex()[..16]));
    std::fs::write(&path, input)?;
    Ok(path)
}

fn replay(target: &Target, files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        let input = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
        match target.check(&input) {
            Ok(taken) => writeln!(io::stdout(), "{}: {taken} bytes of memory", file.display())?,
            Err(failure) => bail!("{}: {failure}", file.display()),
        }
    }
    Ok(())
}

fn plant() -> anyhow::Result<()> {
    for target in targets() {
        let planted = corpus::plant(&target)?;
        writeln!(io::stdout(), "{:16} {planted} inputs", target.name)?;
    }
    Ok(())
}
