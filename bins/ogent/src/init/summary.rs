//! Receives what was made, tells what belongs where and what to do next.

use std::path::Path;

use ogent_broker::credentials::Layout;

use super::InitArgs;
use super::settings::Settings;
use crate::output::Output;

/// What was written goes to stdout, the rest to people.
pub(super) fn tell(layout: &Layout, settings: &Settings, args: &InitArgs, out: &Output) -> anyhow::Result<()> {
    let dir = layout.path("");
    let inside = |path: &Path| path.strip_prefix(&dir).unwrap_or(path).display().to_string();
    for path in layout.written() {
        out.data(&format!("{}\n", path.display()))?;
    }
    let names: Vec<String> = layout.written().iter().map(|path| inside(path)).collect();
    if names.is_empty() {
        out.say("Everything was there already.");
    }
    out.say(&format!("\nWhat goes where, from {}:", args.out.display()));
    for (who, what) in places(settings, args) {
        out.say(&format!("  {who:<11}{what}"));
    }
    let ca_key = if settings.tls { " and tls/ca-key.pem" } else { "" };
    out.say(&format!("\nkeys/{ca_key} vouch for everybody: keep them on none of these machines."));
    if names.iter().any(|name| name == "nats.conf") {
        next(settings, args, out);
    }
    Ok(())
}

fn places(settings: &Settings, args: &InitArgs) -> Vec<(String, String)> {
    let with_ca = |files: &str| if settings.tls { format!("{files} tls/ca.pem") } else { files.to_owned() };
    let mut places = Vec::new();
    let mut add = |who: &str, what: String| places.push((who.to_owned(), what));
    let certificate = |name: &str| format!(" tls/{name}.pem tls/{name}-key.pem");
    add("broker", format!("nats.conf{}", if settings.tls { certificate("broker") } else { String::new() }));
    let own = if settings.tls && !settings.gateways.is_empty() { certificate("gateway") } else { String::new() };
    add("gateway", with_ca("creds/gateway.creds creds/gateway.sign trust.json") + &own);
    add("analyst", with_ca("creds/analyst.creds"));
    add("registrar", "registrar/".to_owned());
    for agent in &args.agents {
        add(
            &format!("agent {agent}"),
            with_ca(&format!(" creds/agent-{agent}.creds creds/agent-{agent}.sign trust.json")),
        );
    }
    for person in &args.people {
        add(person, with_ca(&format!("creds/{person}.creds creds/{person}.sign")));
    }
    places
}

fn next(settings: &Settings, args: &InitArgs, out: &Output) {
    let dir = args.out.display();
    let port = settings.listen.rsplit_once(':').map_or("4222", |(_, port)| port);
    let host = settings.brokers.first().map_or("127.0.0.1", String::as_str);
    let (scheme, ca) =
        if settings.tls { ("tls", format!(" --nats-ca {dir}/tls/ca.pem")) } else { ("nats", String::new()) };
    out.hint("start the broker with: nats-server -c nats.conf");
    out.hint(&format!(
        "then make its streams, once, with: ogent setup --nats-url {scheme}://{host}:{port}{ca} --nats-creds \
         {dir}/creds/setup.creds"
    ));
}
