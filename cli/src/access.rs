//! `flymq user`, `flymq acl` and `flymq whoami`, by way of a broker or on the folder of one that
//! does not run.

use std::future::Future;
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context, anyhow, bail};
use flymq_broker::{Access, AuthConfig, ProtocolError};
use flymq_core::access::credentials;
use flymq_core::config::read_password;
use flymq_core::{Acl, AclFilter, Client, Password, UserChange, UserInfo};
use serde_json::{Value, json};

use crate::args::{
    AclCommand, AclRule, AclSelection, Format, NewPassword, ServerOptions, UserCommand,
};
use crate::output::Output;
use crate::output::table;
use crate::session;

/// Where users and rules are.
enum Place {
    Broker(Client),
    Folder(Box<Access>),
}

fn explained(error: ProtocolError) -> anyhow::Error {
    anyhow!(
        "{} ({} {})\nhint: {}",
        error.message,
        error.code.name(),
        error.code as u16,
        error.code.hint()
    )
}

impl Place {
    async fn upsert(&self, change: UserChange) -> anyhow::Result<()> {
        match self {
            Self::Broker(client) => client.upsert_user(&change).await?,
            Self::Folder(access) => access.upsert_user(change).map_err(explained)?.created,
        };
        Ok(())
    }

    async fn delete(&self, name: String) -> anyhow::Result<()> {
        match self {
            Self::Broker(client) => client.delete_user(&name).await?,
            Self::Folder(access) => {
                access
                    .delete_user(flymq_broker::access::DeleteUserRequest { name })
                    .map_err(explained)?;
            }
        }
        Ok(())
    }

    async fn users(&self) -> anyhow::Result<Vec<UserInfo>> {
        Ok(match self {
            Self::Broker(client) => client.users().await?,
            Self::Folder(access) => access.list_users(Default::default()).users,
        })
    }

    async fn add(&self, acls: Vec<Acl>) -> anyhow::Result<u32> {
        Ok(match self {
            Self::Broker(client) => client.add_acls(acls).await?,
            Self::Folder(access) => {
                let request = flymq_broker::access::AddAclsRequest { acls };
                access.add_acls(request).map_err(explained)?.added
            }
        })
    }

    async fn remove(&self, filter: AclFilter) -> anyhow::Result<Vec<Acl>> {
        Ok(match self {
            Self::Broker(client) => client.remove_acls(filter).await?,
            Self::Folder(access) => {
                let request = flymq_broker::access::RemoveAclsRequest { filter };
                access.remove_acls(request).map_err(explained)?.removed
            }
        })
    }

    async fn rules(&self, filter: AclFilter) -> anyhow::Result<Vec<Acl>> {
        Ok(match self {
            Self::Broker(client) => client.acls(filter).await?,
            Self::Folder(access) => {
                access.list_acls(flymq_broker::access::ListAclsRequest { filter }).acls
            }
        })
    }
}

/// Runs a command's work where the users and rules are.
fn at_place<F>(
    server: &ServerOptions,
    folder: Option<PathBuf>,
    may_begin: bool,
    work: impl FnOnce(Place) -> F,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let Some(folder) = folder else {
        return session::with_client(server, |client| work(Place::Broker(client)));
    };
    if !may_begin && !Access::exists(&folder) {
        bail!("{} has no users", folder.display());
    }
    let access = Access::open(&folder, AuthConfig::default()).map_err(explained)?;
    session::block_on(work(Place::Folder(Box::new(access))))
}

pub fn user(server: &ServerOptions, command: UserCommand) -> anyhow::Result<()> {
    let (folder, may_begin) = match &command {
        UserCommand::Add { data_dir, .. } => (data_dir.clone(), true),
        UserCommand::Alter { data_dir, .. }
        | UserCommand::Passwd { data_dir, .. }
        | UserCommand::Remove { data_dir, .. }
        | UserCommand::List { data_dir, .. } => (data_dir.clone(), false),
    };
    at_place(server, folder, may_begin, |place| async move {
        let mut out = Output::new();
        match command {
            UserCommand::Add { name, role, certificate, no_password, password, .. } => {
                let keys = match no_password {
                    true => None,
                    false => Some(credentials(&new_password(&password, &name)?)?),
                };
                place
                    .upsert(UserChange {
                        name: name.clone(),
                        exists: Some(false),
                        credentials: keys,
                        roles: Some(role),
                        certificate,
                    })
                    .await?;
                out.line(format_args!("added user {name}"))?;
            }
            UserCommand::Alter { name, role, no_roles, certificate, .. } => {
                let roles = (no_roles || !role.is_empty()).then_some(role);
                let exists = Some(true);
                let change = UserChange {
                    name: name.clone(),
                    exists,
                    roles,
                    certificate,
                    ..Default::default()
                };
                place.upsert(change).await?;
                out.line(format_args!("changed user {name}"))?;
            }
            UserCommand::Passwd { name, password, .. } => {
                let keys = Some(credentials(&new_password(&password, &name)?)?);
                let exists = Some(true);
                let change = UserChange {
                    name: name.clone(),
                    exists,
                    credentials: keys,
                    ..Default::default()
                };
                place.upsert(change).await?;
                out.line(format_args!(
                    "changed the password of user {name}; its sessions are over"
                ))?;
            }
            UserCommand::Remove { name, .. } => {
                place.delete(name.clone()).await?;
                out.line(format_args!("removed user {name}"))?;
            }
            UserCommand::List { format, .. } => {
                list_users(&place.users().await?, format, &mut out)?
            }
        }
        out.flush()
    })
}

fn list_users(users: &[UserInfo], format: Format, out: &mut Output) -> anyhow::Result<()> {
    match format {
        Format::Json => out.json(&Value::from_iter(users.iter().map(|user| {
            json!({
                "user": user.name,
                "roles": user.roles,
                "password": user.has_password,
                "certificate": user.certificate,
            })
        }))),
        Format::Text => {
            let row = |user: &UserInfo| {
                let password = if user.has_password { "yes" } else { "no" };
                vec![
                    user.name.clone(),
                    user.roles.join(","),
                    password.to_owned(),
                    user.certificate.clone(),
                ]
            };
            let rows = users.iter().map(row).collect();
            table(out, &["USER", "ROLES", "PASSWORD", "CERTIFICATE"], rows)
        }
    }
}

/// The new password of a user, from where the options say.
fn new_password(options: &NewPassword, user: &str) -> anyhow::Result<Password> {
    if let Some(file) = &options.new_password_file {
        return Ok(read_password(file)?);
    }
    if options.password_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("cannot read standard input")?;
        return Ok(Password::new(line.trim_end_matches(['\r', '\n'])));
    }
    if !std::io::stdin().is_terminal() {
        bail!(
            "there is no terminal to ask for the password at; use --password-stdin or --new-password-file"
        );
    }
    let password = ask(&format!("New password of {user}: "))?;
    if ask("The same again: ")?.reveal() != password.reveal() {
        bail!("the two passwords differ");
    }
    Ok(password)
}

/// Asks for a password at the terminal, without showing it.
pub fn ask(prompt: &str) -> anyhow::Result<Password> {
    rpassword::prompt_password(prompt).map(Password::new).context("cannot ask for the password")
}

pub fn acl(server: &ServerOptions, command: AclCommand) -> anyhow::Result<()> {
    let (folder, may_begin) = match &command {
        AclCommand::Add { data_dir, .. } => (data_dir.clone(), true),
        AclCommand::Remove { data_dir, .. } | AclCommand::List { data_dir, .. } => {
            (data_dir.clone(), false)
        }
    };
    at_place(server, folder, may_begin, |place| async move {
        let mut out = Output::new();
        match command {
            AclCommand::Add { rule, .. } => {
                let added = place.add(rules(rule)).await?;
                out.line(format_args!("added {added} rule(s)"))?;
            }
            AclCommand::Remove { selection, all, .. } => {
                let filter = filter(selection);
                if filter == AclFilter::default() && !all {
                    bail!("say which rules, or --all");
                }
                let removed = place.remove(filter).await?;
                out.line(format_args!("removed {} rule(s)", removed.len()))?;
            }
            AclCommand::List { selection, format, .. } => {
                list_rules(&place.rules(filter(selection)).await?, format, &mut out)?;
            }
        }
        out.flush()
    })
}

fn list_rules(rules: &[Acl], format: Format, out: &mut Output) -> anyhow::Result<()> {
    match format {
        Format::Json => out.json(&rules),
        Format::Text => {
            let row = |acl: &Acl| {
                let Acl { principal, permission, operation, resource, pattern, name } = acl.clone();
                vec![principal, permission, operation, resource, pattern, name]
            };
            let heads = ["PRINCIPAL", "PERMISSION", "OPERATION", "RESOURCE", "PATTERN", "NAME"];
            table(out, &heads, rules.iter().map(row).collect())
        }
    }
}

fn rules(rule: AclRule) -> Vec<Acl> {
    let principal = match (rule.for_user, rule.role) {
        (Some(user), _) => format!("user:{user}"),
        (_, Some(role)) => format!("role:{role}"),
        _ => "*".to_owned(),
    };
    let named =
        [("topic", rule.topic), ("group", rule.group), ("transactional_id", rule.transactional_id)];
    let (resource, name) = named
        .into_iter()
        .find_map(|(resource, name)| name.map(|name| (resource, name)))
        .unwrap_or(("cluster", "*".to_owned()));
    let pattern = if rule.prefix { "prefix" } else { "literal" };
    let allow = rule.allow.into_iter().map(|operation| ("allow", operation));
    let deny = rule.deny.into_iter().map(|operation| ("deny", operation));
    allow
        .chain(deny)
        .map(|(permission, operation)| Acl {
            principal: principal.clone(),
            permission: permission.to_owned(),
            operation,
            resource: resource.to_owned(),
            pattern: pattern.to_owned(),
            name: name.clone(),
        })
        .collect()
}

fn filter(selection: AclSelection) -> AclFilter {
    let AclSelection { principal, permission, operation, resource, pattern, name } = selection;
    AclFilter { principal, permission, operation, resource, pattern, name }
}

pub fn whoami(server: &ServerOptions, format: Format) -> anyhow::Result<()> {
    session::with_client(server, |client| async move {
        let me = client.whoami().await?;
        let mut out = Output::new();
        match format {
            Format::Json => out.json(&json!({
                "user": me.principal,
                "mechanism": me.mechanism,
                "roles": me.roles,
                "expires_in_ms": me.expires_in_ms,
            }))?,
            Format::Text if me.roles.is_empty() => out.line(&me.principal)?,
            Format::Text => out.line(format_args!("{} ({})", me.principal, me.roles.join(", ")))?,
        }
        out.flush()
    })
}
