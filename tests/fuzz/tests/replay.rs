//! Every kept input, and a few thousand damaged ones, against every target.

use thetab_fuzz::{Target, corpus, mutate::Mutator, targets};

fn assert_holds(target: &Target, what: &str, input: &[u8]) {
    if let Err(failure) = target.check(input) {
        panic!("{}, {what}: {failure}", target.name);
    }
}

#[test]
fn no_kept_input_breaks_its_target() {
    for target in targets() {
        let inputs = corpus::load(&target).unwrap();
        assert!(!inputs.is_empty(), "{} has no corpus; run: cargo run -p thetab-fuzz -- plant", target.name);
        for (path, input) in inputs {
            assert_holds(&target, &path.display().to_string(), &input);
        }
    }
}

#[test]
fn genuine_inputs_are_kept() {
    for target in targets() {
        let kept: Vec<Vec<u8>> = corpus::load(&target).unwrap().into_iter().map(|(_, input)| input).collect();
        for seed in (target.seeds)() {
            assert!(kept.contains(&seed), "{} changed; run: cargo run -p thetab-fuzz -- plant", target.name);
        }
    }
}

#[test]
fn no_damaged_input_breaks_its_target() {
    for target in targets() {
        let inputs: Vec<Vec<u8>> =
            corpus::load(&target).unwrap().into_iter().map(|(_, input)| input).collect();
        let mut mutator = Mutator::new(7, target.longest);
        for number in 0..runs(&target) {
            let input = mutator.input(&inputs);
            assert_holds(&target, &format!("damaged input {number}"), &input);
        }
    }
}

/// State machines take milliseconds for a script, decoders microseconds for a message.
fn runs(target: &Target) -> u32 {
    if matches!(target.name, "swarm" | "node" | "tracker") { 100 } else { 500 }
}

#[test]
fn nothing_allocates_by_a_length_that_it_has_not_checked() {
    for target in targets() {
        let mut mutator = Mutator::new(11, 300);
        for seed in (target.seeds)() {
            for claimed in [0xffu8, 0x7f, 0xfe] {
                // Every byte in turn becomes part of a length that the rest cannot fill.
                for place in (0..seed.len()).step_by(1 + seed.len() / 40) {
                    let mut input = seed.clone();
                    input.splice(place..(place + 4).min(seed.len()), [claimed; 4]);
                    assert_holds(&target, &format!("a length of {claimed:#x} at {place}"), &input);
                }
            }
            let short = mutator.input(&[seed]);
            assert_holds(&target, "a short input", &short);
        }
    }
}

#[test]
fn equal_seeds_try_equal_inputs() {
    let corpus = vec![vec![1, 2, 3], b"another".to_vec()];
    let (mut one, mut other) = (Mutator::new(9, 100), Mutator::new(9, 100));
    for _ in 0..1000 {
        let input = one.input(&corpus);
        assert_eq!(input, other.input(&corpus));
        assert!(input.len() <= 100);
    }
}
