//! Receives a command before it is claimed, says whether this machine lets it run: judged by the same rules as in the
//! gateway, but by this agent's own policy, its own programs, and what it ran before. So what is published straight to the
//! broker is judged, too.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, RwLock};

use nix::unistd::User;
use ogent_protocol::limits::{MAX_HISTORY, MAX_HISTORY_LINE_BYTES};
use ogent_protocol::verdict::{Reason, Span};
use ogent_protocol::{AgentInfo, Decision, Inventory, PolicyMode, RiskLevel, Ruling, Run, Verdict, approval};
use ogent_risk::{Context, Policy, Reach};

/// What this agent lets run.
pub(crate) struct Ceiling {
    policy: Policy,
    /// What this agent says of its machine.
    info: AgentInfo,
    programs: RwLock<Option<ogent_risk::Inventory>>,
    /// The commands that were started last, the oldest first.
    history: Mutex<VecDeque<String>>,
}

/// What the ceiling says of a command.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// What the rules make of it, within the bounds of what is stored.
    pub(crate) verdict: Verdict,
    /// What this agent's policy says to that.
    pub(crate) ruling: Ruling,
}

// === impl Ceiling ===

impl Ceiling {
    pub(crate) fn new(policy: Policy, info: &AgentInfo) -> Self {
        if policy.mode != PolicyMode::Off {
            // The first command should not wait until the rules are read.
            ogent_risk::prepare();
        }
        Self { policy, info: info.clone(), programs: RwLock::default(), history: Mutex::default() }
    }

    /// The programs that commands find from now on.
    pub(crate) fn set_programs(&self, inventory: Option<&Inventory>) {
        let known = inventory.map(|inventory| inventory.programs.iter().cloned().collect());
        *self.programs.write().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// A command is about to be started: it counts when the next one is judged.
    pub(crate) fn remember(&self, run: &Run) {
        let line = run.program.to_string();
        let line = line.get(..line.floor_char_boundary(MAX_HISTORY_LINE_BYTES)).unwrap_or_default().to_owned();
        let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        if history.len() >= MAX_HISTORY {
            history.pop_front();
        }
        history.push_back(line);
    }

    /// What the rules and the policy say of a command; `None` where nothing is judged.
    pub(crate) fn judge(&self, run: &Run) -> Option<Judged> {
        if self.policy.mode == PolicyMode::Off {
            return None;
        }
        let context = self.context(run);
        // The rules should never panic; where they do, it is not known what the command would do.
        let judged = catch_unwind(AssertUnwindSafe(|| ogent_risk::judge(&run.program, &context)));
        let verdict = judged.unwrap_or_else(|_| {
            tracing::error!(command = %run.id, "invariant violated: the rules have panicked");
            unjudged()
        });
        let ruling = self.policy.rule(&verdict, Reach { labels: &self.info.labels, targets: 1 });
        Some(Judged { verdict: verdict.bounded(), ruling })
    }

    /// Why the command must not run here, if there is a reason. An approval lifts what policy asks for, never what it
    /// blocks; and one that is not for exactly this command is a sign that somebody has changed it.
    pub(crate) fn refusal(&self, run: &Run, judged: Option<&Judged>) -> Option<String> {
        if let Some(problem) = self.wrong_approval(run) {
            return Some(problem.to_owned());
        }
        let ruling = &judged?.ruling;
        match ruling.decision {
            Decision::Run => None,
            Decision::Ask if run.approval.is_some() => None,
            Decision::Ask => Some(format!(
                "this agent's policy asks for an approval ({}): send it through a gateway with `ogent exec --ask` (REST: \
                 \"ask\": true), and let somebody else approve it",
                ruling.because
            )),
            Decision::Block => Some(format!("this agent's policy refuses it: {}", ruling.because)),
        }
    }

    fn wrong_approval(&self, run: &Run) -> Option<&'static str> {
        let found = run.approval.as_ref()?;
        if found.hash != approval::hash(&self.info.id, run) {
            return Some("its approval is for something else than what would run here");
        }
        // Where nobody is known to have asked, everybody may have.
        let is_own = run.requested_by.as_ref().is_none_or(|asked_by| *asked_by == found.by);
        is_own.then_some("its approval comes from the one who has asked for it")
    }

    fn context(&self, run: &Run) -> Context {
        // Without a folder of its own, a command of another account runs in that account's home.
        let account = run.user.as_ref().filter(|user| **user != self.info.user);
        let home = account.and_then(|name| User::from_name(name).ok().flatten());
        let home = home.and_then(|user| user.dir.into_os_string().into_string().ok());
        // With a PATH of its own, the command finds other programs.
        let programs = match run.env.contains_key("PATH") {
            true => None,
            false => self.programs.read().unwrap_or_else(PoisonError::into_inner).clone(),
        };
        let known = Context::of(&self.info, run);
        Context {
            cwd: known.cwd.or_else(|| home.clone()),
            home: known.home.or(home),
            programs,
            history: self.history.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect(),
            ..known
        }
    }
}

fn unjudged() -> Verdict {
    let reason = Reason {
        code: "not-judged".to_owned(),
        level: RiskLevel::High,
        message: "the rules have failed on it, so nobody knows what it would do".to_owned(),
        attack: None,
        span: Span::default(),
    };
    Verdict { level: RiskLevel::High, reasons: vec![reason], truncated: true, ..Verdict::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use ogent_protocol::{Approval, Intent, IntentWire};

    fn ceiling(policy: Policy) -> Ceiling {
        let info = serde_json::json!({
            "id": "web-1", "platform": {"os": "linux", "arch": "x86_64", "kernel": "6"}, "version": "1",
            "capabilities": [], "max_concurrent": 1, "user": "root", "started_at": "2026-01-01T00:00:00Z",
            "instance": "i", "settled_through": 0
        });
        Ceiling::new(policy, &serde_json::from_value(info).unwrap())
    }

    fn run(line: &str) -> Run {
        let wire =
            IntentWire { command: Some(line.into()), requested_by: Some("alice".into()), ..IntentWire::default() };
        match wire.admit(|| "c".parse().unwrap()).unwrap() {
            Intent::Run(run) => *run,
            Intent::Cancel(_) => unreachable!(),
        }
    }

    fn approved(run: &Run, by: &str) -> Run {
        let hash = approval::hash(&"web-1".parse().unwrap(), run);
        let approval = Approval { by: by.into(), at: Timestamp::now(), reason: None, hash };
        Run { approval: Some(approval), ..run.clone() }
    }

    fn refusal(ceiling: &Ceiling, run: &Run) -> Option<String> {
        ceiling.refusal(run, ceiling.judge(run).as_ref())
    }

    /// Asks about everything, whatever the rules say.
    fn asks() -> Ceiling {
        ceiling(Policy { ask: RiskLevel::None, block: RiskLevel::Critical, ..Policy::default() })
    }

    #[test]
    fn only_an_approval_of_exactly_this_lifts_what_is_asked_for() {
        let (ceiling, run) = (asks(), run("true"));
        assert!(refusal(&ceiling, &run).unwrap().contains("asks for an approval"));
        assert_eq!(refusal(&ceiling, &approved(&run, "bob")), None);
        assert!(refusal(&ceiling, &approved(&run, "alice")).unwrap().contains("the one who has asked"));
        let changed = Run { cwd: Some("/".into()), ..approved(&run, "bob") };
        assert!(refusal(&ceiling, &changed).unwrap().contains("something else"));
        let nobody_s = Run { requested_by: None, ..approved(&run, "bob") };
        assert!(refusal(&ceiling, &nobody_s).is_some());
    }

    #[test]
    fn no_approval_lifts_what_is_blocked() {
        let ceiling = ceiling(Policy { block: RiskLevel::None, ..Policy::default() });
        assert!(refusal(&ceiling, &approved(&run("true"), "bob")).unwrap().contains("refuses"));
    }

    #[test]
    fn a_changed_command_is_refused_even_where_nothing_is_judged() {
        for mode in [PolicyMode::Off, PolicyMode::Advise] {
            let ceiling = ceiling(Policy { mode, ask: RiskLevel::None, ..Policy::default() });
            assert_eq!(refusal(&ceiling, &run("true")), None);
            assert_eq!(ceiling.judge(&run("true")).is_some(), mode == PolicyMode::Advise);
            let changed = Run { program: run("false").program, ..approved(&run("true"), "bob") };
            assert!(refusal(&ceiling, &changed).is_some());
        }
    }

    #[test]
    fn the_last_commands_count() {
        let ceiling = asks();
        (0..20).for_each(|n| ceiling.remember(&run(&format!("echo {n}"))));
        let history = ceiling.context(&run("true")).history;
        assert_eq!((history.len(), history[0].as_str(), history[15].as_str()), (MAX_HISTORY, "echo 4", "echo 19"));
    }
}
