//! Receives a command, asks the rules in this process, gives their verdict in the form in which an analyst answers.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::Timestamp;
use ogent_protocol::{AdvisorState, Analysis, AnalysisRequest, CommandId, InvalidIntent};
use ogent_risk::{Context, Policy, Reach};

use super::{WhatArgs, asked};

/// Judges it, for one machine without labels.
///
/// # Errors
/// Names what is not a command.
pub(super) fn analyze(what: &WhatArgs, policy: &Policy) -> Result<Analysis, InvalidIntent> {
    let request = AnalysisRequest::from(what);
    let program = request.program()?;
    let began = Instant::now();
    let verdict = ogent_risk::explain(&program, &Context::from(&request));
    let micros = asked::micros(began);
    let ruling = policy.rule(&verdict, Reach { labels: &BTreeMap::new(), targets: 1 });
    Ok(Analysis {
        id: CommandId::generate(),
        agent: None,
        command: program.to_string(),
        level: verdict.level,
        verdict,
        advisor: AdvisorState::Absent,
        advice: None,
        ruling: Some(ruling),
        micros,
        analysed_at: Timestamp::now(),
    })
}

impl From<&WhatArgs> for AnalysisRequest {
    fn from(what: &WhatArgs) -> Self {
        Self {
            command: what.line.clone(),
            argv: what.line.is_none().then(|| what.argv.clone()),
            cwd: what.cwd.clone(),
            user: what.user.clone(),
            home: what.home.clone(),
            shell: what.shell.clone(),
            system: what.system.clone(),
            ..Self::default()
        }
    }
}
