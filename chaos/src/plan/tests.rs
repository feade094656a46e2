use std::collections::BTreeSet;

use super::*;

const MINUTES: Duration = Duration::from_secs(180);

#[test]
fn a_seed_repeats_its_plan() {
    assert_eq!(Plan::new(5, MINUTES, None), Plan::new(5, MINUTES, None));
    assert_ne!(Plan::new(5, MINUTES, None).steps, Plan::new(6, MINUTES, None).steps);
}

/// Seeds stand in reports and notes: their plans must be the same in a year, too. When this changes on purpose,
/// old seeds mean nothing any more; say so in the change.
#[test]
fn seeds_mean_what_they_meant() {
    let now = Plan::new(7, MINUTES, None).to_string();
    if std::env::var_os("OGENT_BLESS").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/plan/golden.txt"), &now).unwrap();
    }
    assert_eq!(now, include_str!("golden.txt"), "OGENT_BLESS=1 writes it anew");
}

#[test]
fn faults_leave_time_before_and_after() {
    for seed in 0..50 {
        for length in [60, 180, 600].map(Duration::from_secs) {
            let plan = Plan::new(seed, length, None);
            assert!(!plan.steps.is_empty(), "{plan}");
            for step in &plan.steps {
                assert!(step.at >= WARM_UP && step.at + step.lasts <= length, "{plan}");
            }
            assert!(plan.steps.is_sorted_by_key(|step| step.at));
        }
    }
}

#[test]
fn no_part_has_two_faults_at_once() {
    for seed in 0..50 {
        let plan = Plan::new(seed, MINUTES, None);
        for (n, one) in plan.steps.iter().enumerate() {
            for other in plan.steps.iter().skip(n + 1).filter(|other| other.at < one.at + one.lasts) {
                let parts = one.fault.parts();
                let is_bystander = |fault: &Fault| matches!(fault, Fault::Rogue | Fault::SlowReaders);
                if !is_bystander(&one.fault) && !is_bystander(&other.fault) {
                    assert!(!other.fault.parts().iter().any(|part| parts.contains(part)), "{one:?} {other:?}");
                }
            }
        }
    }
}

#[test]
fn each_scene_has_its_own_faults_and_all_kinds_come_up() {
    let kinds = |scene| -> BTreeSet<String> {
        (0..40).flat_map(|seed| Plan::new(seed, MINUTES, Some(scene)).steps).map(|step| step.fault.kind()).collect()
    };
    let single = kinds(Scene::Single);
    for kind in ["kill agent", "kill gateway", "kill broker", "pause agent", "pause broker", "clone", "clone, killed"] {
        assert!(single.contains(kind), "{kind} is not in {single:?}");
    }
    for kind in ["link down", "lose acks of agent", "cut off agent", "drop deliveries", "slow readers"] {
        assert!(single.contains(kind), "{kind} is not in {single:?}");
    }
    assert!(!single.contains("full disk") && kinds(Scene::Disk).contains("full disk"));
    assert!(!single.contains("set back store") && kinds(Scene::Setback).contains("set back store"));
    assert!(!single.contains("clock of agent") && kinds(Scene::Clock).contains("clock of agent"));
    let one = Plan::new(1, Duration::from_secs(60), Some(Scene::Cluster));
    assert!(one.steps.iter().filter(|step| matches!(step.fault, Fault::Kill(Part::Broker(_)))).count() >= 3, "{one}");
}

#[test]
fn pauses_are_longer_than_every_time_out_at_times() {
    let long = |seed| {
        let plan = Plan::new(seed, Duration::from_secs(600), Some(Scene::Single));
        plan.steps.iter().any(|step| matches!(step.fault, Fault::Pause(_)) && step.lasts > Duration::from_secs(32))
    };
    assert!((0..10).filter(|seed| long(*seed)).count() >= 3);
}

#[test]
fn each_sabotage_has_a_plan_within_a_minute() {
    for sabotage in [Sabotage::Claim, Sabotage::End, Sabotage::CatchUp] {
        let plan = Plan::directed(1, Duration::from_secs(40), sabotage);
        assert!(!plan.steps.is_empty());
        assert!(plan.steps.iter().all(|step| step.at + step.lasts <= Duration::from_secs(40)), "{plan}");
    }
}
