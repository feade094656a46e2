//! What a reader knows of a value.

use std::rc::Rc;

use super::UNKNOWN;

/// A text that is put together is forgotten beyond this, so that code which doubles one again and again costs nothing.
const LONGEST: usize = 4 * 1024;

/// How many values a name may have, and how many things a list, with those in it.
const MOST: usize = 8;
const MOST_ITEMS: usize = 1024;

/// A value, as far as it is known. Cheap to copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Value {
    /// Nothing is known, but that it is data.
    #[default]
    Unknown,
    /// A number.
    Number(i64),
    /// A text; [`UNKNOWN`] in it stands for a part that is not known.
    Text(Rc<str>),
    /// Several values in a row.
    List(Rc<[Value]>),
    /// One of these, depending on what happens.
    Any(Rc<[Value]>),
    /// A module, a class or a function: `os.system`. Of a name that nobody defined, itself.
    Name(Rc<str>),
    /// A method of a value: `"x".join`.
    Method(Rc<Value>, Rc<str>),
    /// A function that the code defines itself; its body is read where it stands.
    Function,
    /// Options, or another table.
    Table,
}

impl Value {
    pub(super) fn text(text: impl Into<Rc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(super) fn name(name: impl Into<Rc<str>>) -> Self {
        Self::Name(name.into())
    }

    pub(super) fn list(items: Vec<Self>) -> Self {
        let weight: usize = items.iter().map(Self::weight).sum();
        if weight > MOST_ITEMS { Self::Unknown } else { Self::List(items.into()) }
    }

    fn weight(&self) -> usize {
        match self {
            Self::List(items) | Self::Any(items) => 1 + items.iter().map(Self::weight).sum::<usize>(),
            Self::Method(of, _) => 1 + of.weight(),
            _ => 1,
        }
    }

    /// As text, where something of it is known.
    pub(super) fn as_text(&self) -> Option<Rc<str>> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string().into()),
            _ => None,
        }
    }

    /// As text, where all of it is known.
    pub(super) fn known(&self) -> Option<Rc<str>> {
        self.as_text().filter(|text| !text.contains(UNKNOWN))
    }

    pub(super) fn number(&self) -> Option<i64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// As a piece of text, in which an unknown value is [`UNKNOWN`].
    pub(super) fn piece(&self) -> Rc<str> {
        self.as_text().unwrap_or_else(|| UNKNOWN.to_string().into())
    }

    /// All that it may be; at least one.
    pub(super) fn choices(&self) -> &[Self] {
        match self {
            Self::Any(choices) => choices,
            one => std::slice::from_ref(one),
        }
    }

    /// One of two.
    pub(super) fn or(self, other: &Self) -> Self {
        if self == *other {
            return self;
        }
        let mut all = self.choices().to_vec();
        all.extend(other.choices().iter().filter(|choice| !self.choices().contains(choice)).cloned());
        match all.len() {
            1 => all.pop().unwrap_or_default(),
            2..=MOST => Self::Any(all.into()),
            _ => Self::Unknown,
        }
    }

    /// What becomes of it, for each that it may be.
    pub(super) fn map(&self, change: impl Fn(&Self) -> Self) -> Self {
        let mut changed = self.choices().iter().map(change);
        let first = changed.next().unwrap_or_default();
        changed.fold(first, |all, next| all.or(&next))
    }

    /// This with another behind it, as text; of two lists, one list.
    pub(super) fn concat(&self, other: &Self) -> Self {
        if self.choices().len() * other.choices().len() > MOST {
            return Self::Unknown;
        }
        self.map(|left| other.map(|right| Self::both(left, right)))
    }

    fn both(left: &Self, right: &Self) -> Self {
        match (left, right) {
            (Self::List(left), Self::List(right)) => Self::list(left.iter().chain(right.iter()).cloned().collect()),
            _ if left.as_text().is_none() && right.as_text().is_none() => Self::Unknown,
            _ => Self::made([&*left.piece(), &*right.piece()].concat()),
        }
    }

    /// A text that was put together.
    pub(super) fn made(text: String) -> Self {
        if text.len() > LONGEST { Self::Unknown } else { Self::text(text) }
    }
}
