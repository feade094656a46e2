//! Functions and modules that are named by texts.

use ogent_protocol::verdict::EffectKind;

use super::Machine;
use super::args::Args;
use crate::payload::value::Value;

impl Machine<'_> {
    /// The module that a text names. One of the machine's own files is code that nobody sees here.
    pub(super) fn imported(&mut self, name: &Value) -> Value {
        let Some(name) = name.known() else {
            self.found.opaque();
            return Value::Unknown;
        };
        let path = name.strip_prefix("node:").unwrap_or(&name).replace('/', ".");
        if path.starts_with('.') && path.ends_with(".json") {
            self.found.effect_on(EffectKind::Read, Some(name.to_string()), false);
        } else if path.starts_with('.') {
            self.found.effect_on(EffectKind::Execute, Some(name.to_string()), false);
        } else if !self.grammar.table.in_module(&path) && !self.grammar.table.is_harmless(&path) {
            self.found.opaque();
        }
        Value::name(path)
    }

    /// `getattr(thing, "name")`.
    pub(super) fn attribute(&mut self, args: &Args) -> Value {
        let of = args.first();
        match (&of, args.get(1, &[]).and_then(Value::known)) {
            (Value::Name(path), Some(name)) => Value::name(format!("{path}.{name}")),
            (Value::Name(path), None) if self.grammar.table.in_module(path) => {
                self.found.runs_unknown();
                Value::Unknown
            }
            (_, Some(name)) => Value::Method(of.clone().into(), name),
            _ => Value::Unknown,
        }
    }

    /// `thing.send(:name, …)`, and `thing.method(:name)`, which is called later.
    pub(super) fn invokes(&mut self, of: Option<&Value>, args: &Args) -> Value {
        let Some((name, values)) = args.values.split_first() else { return Value::Unknown };
        let Some(name) = name.known() else {
            self.found.runs_unknown();
            return Value::Unknown;
        };
        let args = Args::of(values.to_vec());
        let function = self.grammar.table.function(&name).is_some();
        match of {
            Some(Value::Name(path)) if self.grammar.table.function(&format!("{path}.{name}")).is_some() => {
                self.call(&Value::name(format!("{path}.{name}")), &args)
            }
            Some(of) if !function => self.call_method(of, &name, &args),
            _ => self.call(&Value::name(name), &args),
        }
    }

    /// `call_user_func("name", …)`, `map(function, list)`.
    pub(super) fn applies(&mut self, args: &Args) -> Value {
        let Some((function, values)) = args.values.split_first() else { return Value::Unknown };
        let args = Args::of(values.to_vec());
        match function {
            Value::Text(name) => self.call(&Value::Name(name.clone()), &args),
            Value::Unknown | Value::Table => {
                self.found.opaque();
                Value::Unknown
            }
            function => {
                for value in args.flat(0) {
                    self.call(function, &Args::of(vec![value]));
                }
                Value::Unknown
            }
        }
    }

    /// `map(function, list)`.
    pub(super) fn maps(&mut self, args: &Args) -> Value {
        match args.values.as_slice() {
            [function @ (Value::Name(_) | Value::Method(..)), Value::List(items)] => {
                Value::list(items.iter().map(|item| self.call(function, &Args::of(vec![item.clone()]))).collect())
            }
            _ => {
                self.handed_on(args);
                Value::Unknown
            }
        }
    }
}
