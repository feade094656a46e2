//! JSON Schemas of what travels through the broker, for `schemas/`.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{self as openapi, AdditionalProperties, AnyOfBuilder, ObjectBuilder, Type};

use crate::agent::{AgentInfo, Heartbeat, Inventory};
use crate::analysis::{Analysis, AnalysisRequest};
use crate::approval::ProposalWire;
use crate::audit::AuditWire;
use crate::blob::Blob;
use crate::enroll::admin::{AdminRequest, AdminResponse};
use crate::enroll::identity::Identity;
use crate::enroll::invite::Invite;
use crate::enroll::{EnrollRequest, EnrollResponse, RenewRequest, UserKey};
use crate::event::EventWire;
use crate::id::{AgentId, CommandId};
use crate::intent::IntentWire;
use crate::rest::CommandResult;
use crate::session::GrantId;

/// Every message type with the name of its file.
#[must_use]
pub fn all() -> Vec<(&'static str, Schema)> {
    vec![
        ("intent", of::<IntentWire>("intent")),
        ("event", of::<EventWire>("event")),
        ("command-result", of::<CommandResult>("command-result")),
        ("approval", of::<ProposalWire>("approval")),
        ("audit", of::<AuditWire>("audit")),
        ("analysis-request", of::<AnalysisRequest>("analysis-request")),
        ("analysis", of::<Analysis>("analysis")),
        ("agent-info", of::<AgentInfo>("agent-info")),
        ("inventory", of::<Inventory>("inventory")),
        ("heartbeat", of::<Heartbeat>("heartbeat")),
        ("enroll-request", of::<EnrollRequest>("enroll-request")),
        ("enroll-response", of::<EnrollResponse>("enroll-response")),
        ("renew-request", of::<RenewRequest>("renew-request")),
        ("registrar-request", of::<AdminRequest>("registrar-request")),
        ("registrar-response", of::<AdminResponse>("registrar-response")),
        ("identity", of::<Identity>("identity")),
        ("invite", of::<Invite>("invite")),
    ]
}

fn of<T: JsonSchema>(name: &str) -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("$id".to_owned(), format!("urn:ogent:schema:{name}:v1").into());
    // In which order a map of serde_json has its keys depends on who else is built with it.
    let map = schema.ensure_object();
    map.sort_keys();
    map.values_mut().for_each(serde_json::Value::sort_all_objects);
    schema
}

const ID_PATTERN: &str = "^[A-Za-z0-9_-]{1,64}$";
const KEY_PATTERN: &str = "^U[A-Z2-7]{55}$";
const BLOB: &str = "Bytes: a string where they are UTF-8, an object with base64 where they are not.";

macro_rules! id_schema {
    ($type:ty, $name:literal, $pattern:expr, $description:literal) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "description": $description})
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> RefOr<openapi::Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some($pattern));
                RefOr::T(text.description(Some($description)).build().into())
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

id_schema!(AgentId, "AgentId", ID_PATTERN, "Names one agent, on one machine.");
id_schema!(CommandId, "CommandId", ID_PATTERN, "Names one command, for ever.");
id_schema!(UserKey, "UserKey", KEY_PATTERN, "The public nkey of a user.");

impl utoipa::PartialSchema for GrantId {
    fn schema() -> RefOr<openapi::Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[st]-[0-9a-f]{32}$"));
        RefOr::T(text.description(Some("Names one session or API token, for ever.")).build().into())
    }
}

impl utoipa::ToSchema for GrantId {
    fn name() -> Cow<'static, str> {
        "GrantId".into()
    }
}

impl JsonSchema for Blob {
    fn schema_name() -> Cow<'static, str> {
        "Blob".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": BLOB,
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"base64": {"type": "string", "contentEncoding": "base64"}},
                    "required": ["base64"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl utoipa::PartialSchema for Blob {
    fn schema() -> RefOr<openapi::Schema> {
        let base64 = ObjectBuilder::new()
            .property("base64", ObjectBuilder::new().schema_type(Type::String).content_encoding("base64"))
            .required("base64")
            .additional_properties(Some(AdditionalProperties::<openapi::Schema>::FreeForm(false)));
        let any = AnyOfBuilder::new()
            .item(ObjectBuilder::new().schema_type(Type::String))
            .item(base64)
            .description(Some(BLOB));
        RefOr::T(openapi::Schema::AnyOf(any.build()))
    }
}

impl utoipa::ToSchema for Blob {
    fn name() -> Cow<'static, str> {
        "Blob".into()
    }
}
