//! The policies that are shipped, and the schema that all policies are held to.

use crate::load::PolicyFile;

/// What policies can speak of, in Cedar's own language.
pub const SCHEMA: &str = include_str!("../policies/schema.cedarschema");

/// What holds where nobody has set another policy.
#[must_use]
pub fn shipped() -> Vec<PolicyFile> {
    [
        ("viewer.cedar", include_str!("../policies/viewer.cedar")),
        ("operator.cedar", include_str!("../policies/operator.cedar")),
        ("approver.cedar", include_str!("../policies/approver.cedar")),
        ("admin.cedar", include_str!("../policies/admin.cedar")),
    ]
    .map(|(name, text)| PolicyFile { name: name.to_owned(), text: text.to_owned() })
    .into()
}

/// What holds where a policy was set that cannot be used, and no earlier one can either: admins can mend it, and nobody
/// else gets more than they had.
#[must_use]
pub fn admins_only() -> Vec<PolicyFile> {
    let own = "approver.cedar";
    shipped().into_iter().filter(|file| file.name == "admin.cedar" || file.name == own).map(without_approvers).collect()
}

/// Of the file about approvers only what forbids.
fn without_approvers(mut file: PolicyFile) -> PolicyFile {
    if let Some(at) = file.text.find("@id(\"nobody-approves-their-own\")") {
        file.text.drain(..at);
    }
    file
}
