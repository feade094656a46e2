//! Receives a question, gives what Cedar wants to know of it: a request, and the few entities that it is about.

use std::collections::HashMap;
use std::str::FromStr as _;

use cedar_policy::{Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression};

use crate::question::{AgentFacts, CommandFacts, Doing, Question, Resource};
use crate::{Action, Role};

/// The names of entities that are the same for every question: parsed once.
pub(crate) struct Names {
    user: EntityTypeName,
    agent: EntityTypeName,
    command: EntityTypeName,
    level: EntityTypeName,
    effect: EntityTypeName,
    ruling: EntityTypeName,
    fleet: EntityUid,
    roles: HashMap<Role, EntityUid>,
    actions: HashMap<Action, EntityUid>,
}

type Attributes = HashMap<String, RestrictedExpression>;

// === impl Names ===

impl Names {
    pub(crate) fn new() -> Result<Self, String> {
        let name = |text: &str| EntityTypeName::from_str(text).map_err(|error| error.to_string());
        let (role, action, fleet) = (name("Role")?, name("Action")?, name("Fleet")?);
        Ok(Self {
            user: name("User")?,
            agent: name("Agent")?,
            command: name("Command")?,
            level: name("Level")?,
            effect: name("Effect")?,
            ruling: name("Ruling")?,
            fleet: uid(&fleet, "ogent"),
            roles: Role::ALL.into_iter().map(|one| (one, uid(&role, one.as_str()))).collect(),
            actions: Action::ALL.iter().map(|one| (*one, uid(&action, one.as_str()))).collect(),
        })
    }

    /// The request, and what it is about beside the actions. `None` where the question is none: an action on something
    /// that it is not done to.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Option<(Request, Vec<Entity>)> {
        let Question { principal, action, resource } = question;
        let person = uid(&self.user, principal.user);
        let parents = principal.roles.iter().filter_map(|role| self.roles.get(role).cloned()).collect();
        let mut entities = vec![Entity::new_no_attrs(person.clone(), parents)];
        let (about, context) = match resource {
            Resource::Fleet => (self.fleet.clone(), Attributes::new()),
            Resource::Agent(agent, None) => (self.agent(agent, &mut entities)?, Attributes::new()),
            Resource::Agent(agent, Some(doing)) => (self.agent(agent, &mut entities)?, self.doing(doing, true)),
            Resource::Command(command, doing) => {
                let own = command.requested_by == Some(principal.user);
                let context = doing.map_or_else(|| self::own(own), |doing| self.doing(doing, own));
                (self.command(command, &mut entities)?, context)
            }
            Resource::User(name) => {
                let other = uid(&self.user, name);
                if other != person {
                    entities.push(Entity::with_uid(other.clone()));
                }
                (other, self::own(*name == principal.user))
            }
        };
        let context = Context::from_pairs(context).ok()?;
        let action = self.actions.get(action)?.clone();
        let request = Request::new(person, action, about, context, None).ok()?;
        Some((request, entities))
    }

    fn agent(&self, agent: &AgentFacts<'_>, entities: &mut Vec<Entity>) -> Option<EntityUid> {
        let about = uid(&self.agent, agent.id);
        let tags = agent.labels.into_iter().flatten();
        let tags = tags.map(|(name, value)| (name.clone(), RestrictedExpression::new_string(value.clone())));
        let labels = [("labels".to_owned(), labels(agent))];
        entities.push(Entity::new_with_tags(about.clone(), labels, [], tags).ok()?);
        Some(about)
    }

    fn command(&self, command: &CommandFacts<'_>, entities: &mut Vec<Entity>) -> Option<EntityUid> {
        let about = uid(&self.command, command.id);
        let agent = self.agent(&command.agent, entities)?;
        let mut attributes = Attributes::from([
            ("agent".to_owned(), RestrictedExpression::new_entity_uid(agent.clone())),
            ("labels".to_owned(), labels(&command.agent)),
        ]);
        if let Some(person) = command.requested_by {
            let person = RestrictedExpression::new_entity_uid(uid(&self.user, person));
            attributes.insert("requested_by".to_owned(), person);
        }
        entities.push(Entity::new(about.clone(), attributes, [agent].into()).ok()?);
        Some(about)
    }

    fn doing(&self, doing: &Doing, own: bool) -> Attributes {
        let one = |kind: &EntityTypeName, text: &str| RestrictedExpression::new_entity_uid(uid(kind, text));
        let effects = doing.effects.iter().map(|effect| one(&self.effect, effect.as_str()));
        let mut context = self::own(own);
        context.insert("level".to_owned(), one(&self.level, doing.level.as_str()));
        context.insert("effects".to_owned(), RestrictedExpression::new_set(effects));
        context.insert("ruling".to_owned(), one(&self.ruling, doing.ruling.as_str()));
        context.insert("target".to_owned(), RestrictedExpression::new_string(doing.target.as_str().to_owned()));
        context.insert("run_as".to_owned(), RestrictedExpression::new_string(doing.run_as.clone()));
        context.insert("targets".to_owned(), RestrictedExpression::new_long(doing.targets.into()));
        context
    }
}

fn own(own: bool) -> Attributes {
    Attributes::from([("own".to_owned(), RestrictedExpression::new_bool(own))])
}

fn labels(agent: &AgentFacts<'_>) -> RestrictedExpression {
    let pairs = agent.labels.into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
    RestrictedExpression::new_set(pairs.map(RestrictedExpression::new_string))
}

fn uid(kind: &EntityTypeName, text: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(text))
}

/// The actions of the schema with their groups, which every decision needs.
pub(crate) fn actions(schema: &cedar_policy::Schema) -> Result<Entities, String> {
    schema.action_entities().map_err(|error| error.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cedar_policy::{Request, Schema};
    use ogent_protocol::verdict::EffectKind;
    use ogent_protocol::{Decision as Ruling, ExecutionTarget, RiskLevel};

    use super::*;
    use crate::question::{Principal, Target};
    use crate::{SCHEMA, Scope};

    fn schema() -> Schema {
        Schema::from_cedarschema_str(SCHEMA).unwrap().0
    }

    #[test]
    fn the_schema_has_every_word_and_no_other() {
        let ruling = [Ruling::Run, Ruling::Ask, Ruling::Block].map(Ruling::as_str);
        let lists: [(&str, Vec<&str>); 4] = [
            ("Role", Role::ALL.map(Role::as_str).into()),
            ("Level", RiskLevel::ALL.map(RiskLevel::as_str).into()),
            ("Effect", EffectKind::ALL.iter().map(|kind| kind.as_str()).collect()),
            ("Ruling", ruling.into()),
        ];
        for (name, words) in lists {
            let begin = SCHEMA.split(&format!("entity {name} enum [")).nth(1).unwrap();
            let listed = begin.split(']').next().unwrap();
            let listed: Vec<&str> = listed.split(',').map(|word| word.trim().trim_matches('"')).collect();
            assert_eq!(listed, words, "{name}");
        }
        let schema = schema();
        let groups: Vec<_> = schema.action_groups().map(|group| group.id().unescaped().to_owned()).collect();
        let mut found: Vec<_> = schema.actions().map(|action| action.id().unescaped().to_owned()).collect();
        found.retain(|action| !groups.contains(action));
        let mut ours: Vec<_> = Action::ALL.iter().map(|action| action.as_str().to_owned()).collect();
        found.sort();
        ours.sort();
        assert_eq!(found, ours);
    }

    #[test]
    fn what_is_built_is_what_the_schema_says() {
        let (schema, names) = (schema(), Names::new().unwrap());
        let labels = [("env".to_owned(), "prod".to_owned())].into();
        let agent = AgentFacts { id: "web-1", labels: Some(&labels) };
        let target = Target::of(&ExecutionTarget::Auto, true);
        let effects = EffectKind::ALL.iter().copied().collect();
        let doing =
            Doing { level: RiskLevel::High, effects, ruling: Ruling::Ask, target, run_as: "root".into(), targets: 3 };
        for action in Action::ALL.iter().copied() {
            for requested_by in [None, Some("bob")] {
                let command = CommandFacts { id: "c", agent, requested_by };
                let resource = match (action, action.scope()) {
                    (_, Scope::Fleet) => Resource::Fleet,
                    (_, Scope::User) => Resource::User("bob"),
                    (Action::Execute, _) => Resource::Agent(agent, Some(&doing)),
                    (_, Scope::Agent) => Resource::Agent(agent, None),
                    (Action::Approve | Action::Deny, _) => Resource::Command(command, Some(&doing)),
                    (_, Scope::Command) => Resource::Command(command, None),
                };
                let principal = Principal { user: "alice", roles: &Role::ALL };
                let (request, entities) = names.ask(&Question { principal, action, resource }).unwrap();
                Entities::from_entities(entities, Some(&schema)).unwrap();
                let (who, what, about) = (request.principal(), request.action(), request.resource());
                let (who, what, about) = (who.unwrap().clone(), what.unwrap().clone(), about.unwrap().clone());
                let context = request.context().unwrap().clone();
                Request::new(who, what, about, context, Some(&schema))
                    .unwrap_or_else(|error| panic!("{action}: {error}"));
            }
        }
    }
}
