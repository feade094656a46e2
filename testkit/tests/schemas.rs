//! The contracts in `schemas/` and the tables in `nats/` are what the code says. `make schemas` writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ogent_broker::{permissions, topology};
use ogent_protocol::enroll::RenewRequest;
use ogent_protocol::enroll::admin::{AdminRequest, AdminResponse};
use ogent_protocol::enroll::invite::Invite;
use ogent_protocol::event::EventWire;
use ogent_protocol::rest::CommandResult;
use ogent_protocol::{
    AgentInfo, Analysis, AnalysisRequest, AuditEvent, CommandId, Encoding, EnrollRequest, EnrollResponse, Event,
    Heartbeat, Identity, IntentWire, Inventory, ProposalEvent, limits, schema,
};
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Compares a file with what it should hold, or writes it with `OGENT_BLESS=1`.
fn check(path: &str, expected: &str) {
    let file = root().join(path);
    if std::env::var_os("OGENT_BLESS").is_some() {
        fs::write(&file, expected).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap_or_default();
    assert!(found == expected, "{path} is not what the code says: run `make schemas` and look at the difference");
}

fn pretty(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

#[test]
fn json_schemas_are_what_the_types_say() {
    for (name, schema) in schema::all() {
        check(&format!("schemas/{name}.schema.json"), &pretty(&schema));
    }
}

#[test]
fn openapi_is_what_the_routes_say() {
    check("schemas/openapi.json", &(ogent_gateway::openapi().to_pretty_json().unwrap() + "\n"));
}

#[test]
fn asyncapi_names_every_subject() {
    let mut document = asyncapi();
    // In which order a map of serde_json has its keys depends on who else is built with it.
    document.sort_all_objects();
    check("schemas/asyncapi.json", &pretty(&document));
}

#[test]
fn tables_in_the_nats_readme_are_true() {
    for (name, table) in [("permissions", permissions::table()), ("streams", topology::table())] {
        let (begin, end) = (format!("<!-- {name}: generated -->\n"), format!("<!-- /{name} -->"));
        let text = fs::read_to_string(root().join("nats/README.md")).unwrap();
        let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("no {begin}"));
        let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
        check("nats/README.md", &format!("{before}{begin}\n{table}\n{end}{after}"));
    }
}

/// Examples are added and never changed: every later version has to understand them.
#[test]
fn golden_messages_are_still_understood() {
    let schemas: Vec<String> = schema::all().into_iter().map(|(name, _)| name.to_owned()).collect();
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(root().join("schemas/golden")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let value: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        // `audit-agent-joined.json` is an example of `audit`, and `analysis-request-full.json` none of `analysis`.
        let is_of =
            |schema: &&String| name.strip_prefix(schema.as_str()).is_some_and(|rest| rest.starts_with(['-', '.']));
        let schema = schemas.iter().filter(is_of).max_by_key(|schema| schema.len());
        let schema = schema.unwrap_or_else(|| panic!("no schema for {name}"));
        for encoding in [Encoding::Json, Encoding::MsgPack] {
            let bytes = encoding.encode(&value).unwrap();
            understand(schema, encoding, &bytes).unwrap_or_else(|error| panic!("{name} as {encoding:?}: {error}"));
        }
        let text = fs::read_to_string(root().join(format!("schemas/{schema}.schema.json"))).unwrap();
        let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
        validator.validate(&value).unwrap_or_else(|error| panic!("{name} does not fit its schema: {error}"));
        seen.insert(schema);
    }
    let without: Vec<&String> = schemas.iter().filter(|schema| !seen.contains(schema)).collect();
    assert!(without.is_empty(), "no example of {without:?}");
}

fn understand(schema: &str, encoding: Encoding, bytes: &[u8]) -> Result<(), String> {
    fn decode<T: serde::de::DeserializeOwned>(encoding: Encoding, bytes: &[u8]) -> Result<T, String> {
        encoding.decode(bytes, limits::MAX_PAYLOAD_BYTES).map_err(|error| error.to_string())
    }
    match schema {
        "intent" => decode::<IntentWire>(encoding, bytes)?
            .admit(CommandId::generate)
            .map(drop)
            .map_err(|error| error.to_string()),
        "event" => {
            let event: Event = decode(encoding, bytes)?;
            let again = encoding.encode(&EventWire::from(event.clone())).unwrap();
            assert_eq!(decode::<Event>(encoding, &again)?, event);
            Ok(())
        }
        "analysis-request" => {
            decode::<AnalysisRequest>(encoding, bytes)?.program().map(drop).map_err(|error| error.to_string())
        }
        "analysis" => decode::<Analysis>(encoding, bytes).map(drop),
        "approval" => {
            let event: ProposalEvent = decode(encoding, bytes)?;
            let again = encoding.encode(&event).unwrap();
            assert_eq!(decode::<ProposalEvent>(encoding, &again)?, event);
            Ok(())
        }
        "inventory" => match decode::<Inventory>(encoding, bytes)?.is_whole() {
            true => Ok(()),
            false => Err("its digest is not that of its programs".to_owned()),
        },
        "agent-info" => decode::<AgentInfo>(encoding, bytes).map(drop),
        "heartbeat" => decode::<Heartbeat>(encoding, bytes).map(drop),
        "command-result" => decode::<CommandResult>(encoding, bytes).map(drop),
        "audit" => decode::<AuditEvent>(encoding, bytes).map(drop),
        "identity" => decode::<Identity>(encoding, bytes).map(drop),
        "invite" => decode::<Invite>(encoding, bytes).map(drop),
        "enroll-request" => decode::<EnrollRequest>(encoding, bytes)?.check().map_err(|error| error.to_string()),
        "enroll-response" => decode::<EnrollResponse>(encoding, bytes).map(drop),
        "renew-request" => decode::<RenewRequest>(encoding, bytes)?.facts.check().map_err(|error| error.to_string()),
        "registrar-request" => decode::<AdminRequest>(encoding, bytes).map(drop),
        "registrar-response" => decode::<AdminResponse>(encoding, bytes).map(drop),
        other => Err(format!("no type for {other}")),
    }
}

fn asyncapi() -> Value {
    let id = |what: &str| json!({"description": format!("Id of {what}: letters, digits, '_' and '-', at most 64.")});
    let agent = json!({"agent": id("the agent")});
    let command = json!({"agent": id("the agent"), "command": id("the command")});
    let channel = |address: &str, parameters: &Value, message: &str, description: &str| {
        json!({
            "address": address,
            "description": description,
            "parameters": parameters,
            "messages": {message: {"$ref": format!("#/components/messages/{message}")}}
        })
    };
    let message = |schema: &str, summary: &str| {
        json!({
            "summary": summary,
            "contentType": "application/json",
            "payload": {"$ref": format!("./{schema}.schema.json")}
        })
    };
    let operation = |action: &str, channel: &str, summary: &str| json!({"action": action, "channel": {"$ref": format!("#/channels/{channel}")}, "summary": summary});
    let mut exec = operation("send", "exec", "Ask an agent to run or to cancel a command.");
    exec["reply"] =
        json!({"address": {"location": "$message.header#/reply"}, "channel": {"$ref": "#/channels/answer"}});
    let mut judge = operation("send", "analysisRequests", "Ask what a command would do.");
    judge["reply"] =
        json!({"address": {"location": "$message.header#/reply"}, "channel": {"$ref": "#/channels/analysisAnswer"}});
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ogent on NATS",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What travels on the subjects of Ogent. JSON by default, MessagePack with `Content-Type: application/msgpack`."
        },
        "defaultContentType": "application/json",
        "channels": {
            "exec": channel("agents.{agent}.exec", &agent, "intent", "What an agent should do. Publish here, with or without a reply subject."),
            "results": channel("agents.{agent}.results", &agent, "event", "Live feed of what happens to an agent's commands: subscribe here."),
            "commandLedger": channel("commands.{agent}.{command}", &command, "intent", "Stream COMMANDS: every intent, kept."),
            "resultLedger": channel("results.{agent}.{command}", &command, "event", "Stream RESULTS: every event, kept."),
            "approvals": channel("agents.{agent}.approvals", &agent, "approval", "Live feed of what becomes of commands that somebody has to approve: subscribe here."),
            "approvalLedger": channel("approvals.{agent}.{command}", &command, "approval", "Stream APPROVALS: what was proposed and decided, kept."),
            "inventory": channel("$KV.inventory.{agent}", &agent, "inventory", "Key-value bucket `inventory`: which programs an agent has."),
            "agents": channel("$KV.agents.{agent}", &agent, "agentInfo", "Key-value bucket `agents`: who an agent is."),
            "presence": channel("$KV.presence.{agent}", &agent, "heartbeat", "Key-value bucket `presence`: which agents live."),
            "analysisRequests": channel("analysis.requests", &json!({}), "analysisRequest", "NATS micro service `ogent-analysis`: what a command would do. Request here."),
            "analysisResults": channel("analysis.results", &json!({}), "analysis", "Live feed of analyses: subscribe here."),
            "analyses": channel("analyses.{id}", &json!({"id": id("the analysis, which is that of the command")}), "analysis", "Stream ANALYSES: the latest two with each id, the rules' verdict and the same with a model's advice."),
            "analysisAnswer": {"address": null, "description": "Where an analysis was asked for.", "messages": {"analysis": {"$ref": "#/components/messages/analysis"}}},
            "answer": {"address": null, "description": "Where an answer was asked for.", "messages": {"commandResult": {"$ref": "#/components/messages/commandResult"}}}
        },
        "operations": {
            "ask": exec,
            "judge": judge,
            "followAnalyses": operation("receive", "analysisResults", "Follow what commands would do."),
            "keepAnalysis": operation("send", "analyses", "Analysts keep what they have said."),
            "follow": operation("receive", "results", "Follow what happens."),
            "record": operation("send", "commandLedger", "Gateways, and agents for what came to them directly, put intents into the ledger."),
            "report": operation("send", "resultLedger", "Agents put events into the ledger."),
            "propose": operation("send", "approvalLedger", "Gateways put into the ledger what somebody has to approve, and what was decided."),
            "followApprovals": operation("receive", "approvals", "Follow what becomes of commands that somebody has to approve."),
            "stock": operation("send", "inventory", "Agents say which programs they have."),
            "register": operation("send", "agents", "Agents say who they are."),
            "beat": operation("send", "presence", "Agents say that they live.")
        },
        "components": {
            "messages": {
                "intent": message("intent", "What is wanted of an agent"),
                "event": message("event", "What happened to a command: CloudEvents 1.0, structured"),
                "analysisRequest": message("analysis-request", "A command to judge"),
                "analysis": message("analysis", "What a command would do: the rules' verdict, and perhaps a model's advice"),
                "approval": message("approval", "What became of a command that somebody has to approve: CloudEvents 1.0, structured"),
                "inventory": message("inventory", "Which programs an agent has"),
                "agentInfo": message("agent-info", "Who an agent is"),
                "heartbeat": message("heartbeat", "That an agent lives"),
                "commandResult": message("command-result", "How a command ended")
            }
        }
    })
}
