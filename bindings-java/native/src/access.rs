//! `Admin`: users and what they may do.

use flymq_core::access::credentials;
use flymq_core::{Acl, AclFilter, Password, Result, UserChange};

use crate::call::Job;
use crate::client::Connected;
use crate::handles;
use crate::wire::{Args, Out};

pub fn upsert_user(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let exists = args.optional(Args::flag)?;
    let name = args.text()?;
    let password = args.optional_text()?.map(Password::new);
    let change = UserChange {
        name,
        exists,
        credentials: password.as_ref().map(credentials).transpose()?,
        roles: args.optional(|args| args.list(Args::text))?,
        certificate: args.optional_text()?,
    };
    Ok(Job::new(&this.host.clone(), async move {
        let mut out = Out::empty();
        out.flag(this.client.upsert_user(&change).await?);
        Ok(out)
    }))
}

pub fn delete_user(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let name = args.text()?;
    Ok(Job::new(&this.host.clone(), async move {
        this.client.delete_user(&name).await?;
        Ok(Out::empty())
    }))
}

pub fn list_users(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let users = this.client.users().await?;
        let mut out = Out::empty();
        out.list(&users, |out, user| {
            out.text(&user.name).texts(&user.roles).flag(user.has_password);
            out.text(&user.certificate);
        });
        Ok(out)
    }))
}

fn acl(args: &mut Args) -> Result<Acl> {
    Ok(Acl {
        principal: args.text()?,
        permission: args.text()?,
        operation: args.text()?,
        resource: args.text()?,
        pattern: args.text()?,
        name: args.text()?,
    })
}

fn filter(args: &mut Args) -> Result<AclFilter> {
    Ok(AclFilter {
        principal: args.optional_text()?,
        permission: args.optional_text()?,
        operation: args.optional_text()?,
        resource: args.optional_text()?,
        pattern: args.optional_text()?,
        name: args.optional_text()?,
    })
}

fn write_acls(acls: &[Acl]) -> Out {
    let mut out = Out::empty();
    out.list(acls, |out, acl| {
        out.text(&acl.principal).text(&acl.permission).text(&acl.operation);
        out.text(&acl.resource).text(&acl.pattern).text(&acl.name);
    });
    out
}

pub fn add_acls(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let acls = args.list(acl)?;
    Ok(Job::new(&this.host.clone(), async move {
        let mut out = Out::empty();
        out.u32(this.client.add_acls(acls).await?);
        Ok(out)
    }))
}

pub fn remove_acls(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let filter = filter(args)?;
    Ok(Job::new(&this.host.clone(), async move {
        Ok(write_acls(&this.client.remove_acls(filter).await?))
    }))
}

pub fn list_acls(handle: u64, args: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    let filter = filter(args)?;
    Ok(Job::new(
        &this.host.clone(),
        async move { Ok(write_acls(&this.client.acls(filter).await?)) },
    ))
}

pub fn whoami(handle: u64, _: &mut Args) -> Result<Job> {
    let this = handles::get::<Connected>(handle)?;
    Ok(Job::new(&this.host.clone(), async move {
        let who = this.client.whoami().await?;
        let mut out = Out::empty();
        out.text(&who.principal).text(&who.mechanism).texts(&who.roles).u64(who.expires_in_ms);
        Ok(out)
    }))
}
