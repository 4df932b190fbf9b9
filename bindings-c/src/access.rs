//! Users and what they may do.

use std::ffi::c_char;
use std::mem::MaybeUninit;

use flymq_core::access::credentials;
use flymq_core::{Acl, AclFilter, Password, Result, UserChange};

use crate::boundary::{self, put};
use crate::client::flymq_client;
use crate::error::flymq_error;
use crate::table::flymq_table;
use crate::text::{optional_text, text, texts};

/// Who the client's session belongs to, in one row: principal, mechanism, roles (with commas between),
/// expires_in_ms (0 for never).
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_whoami(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_client::get(client)?;
        let who = this.host.wait(this.client.whoami())?;
        let row = [
            who.principal.into(),
            who.mechanism.into(),
            who.roles.join(",").into(),
            who.expires_in_ms.into(),
        ];
        Ok(flymq_table::new(&["principal", "mechanism", "roles", "expires_in_ms"], [row]))
    })
}

/// Creates a user, or changes it: what is NULL stays as it is. `password` is stretched here and never
/// sent. `roles` are `role_count` strings, borrowed for the call. `certificate` is the subject of the
/// client certificate that logs the user in, "" for none.
///
/// Errors: NOT_AUTHORIZED without admin on the cluster; INVALID_ARGUMENT, also for a password that is
/// empty or has characters that RFC 4013 does not allow; TIMEOUT, CLOSED.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_upsert_user(
    client: Option<&flymq_client>,
    name: *const c_char,
    password: *const c_char,
    roles: *const *const c_char,
    role_count: usize,
    certificate: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let (name, password, certificate, roles) = unsafe {
            let roles = match roles.is_null() && role_count == 0 {
                true => None,
                false => Some(texts(roles, role_count, "roles")?),
            };
            let certificate = optional_text(certificate, "certificate")?;
            (text(name, "name")?, optional_text(password, "password")?, certificate, roles)
        };
        let this = flymq_client::get(client)?;
        let change = UserChange {
            name: name.to_owned(),
            credentials: password.map(|p| credentials(&Password::new(p))).transpose()?,
            roles,
            certificate: certificate.map(str::to_owned),
            ..UserChange::default()
        };
        this.host.wait(this.client.upsert_user(&change)).map(drop)
    })
}

/// Deletes a user, with the rules that name it.
///
/// Errors: UNKNOWN_USER; NOT_AUTHORIZED without admin on the cluster; TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_delete_user(
    client: Option<&flymq_client>,
    name: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let name = unsafe { text(name, "name")? };
        let this = flymq_client::get(client)?;
        this.host.wait(this.client.delete_user(name))
    })
}

/// All users, a row each: name, roles (with commas between), has_password (0 or 1), certificate (the
/// subject of the client's certificate, or "").
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: NOT_AUTHORIZED without admin on the cluster; TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub extern "C" fn flymq_client_list_users(
    client: Option<&flymq_client>,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        let this = flymq_client::get(client)?;
        let users = this.host.wait(this.client.users())?;
        let rows = users.into_iter().map(|u| {
            let has_password = i32::from(u.has_password);
            [u.name.into(), u.roles.join(",").into(), has_password.into(), u.certificate.into()]
        });
        Ok(flymq_table::new(&["name", "roles", "has_password", "certificate"], rows))
    })
}

/// Adds a rule: `principal` ("user:NAME", "role:NAME" or "*") is allowed or denied (`permission`: "allow"
/// or "deny") an `operation` ("read", "write", "create", "delete", "alter", "describe" or "admin") on a
/// kind of `resource` ("topic", "group", "transactional_id" or "cluster") whose name matches `name` as the
/// `pattern` says ("literal" or "prefix").
///
/// Errors: INVALID_REQUEST for other words; NOT_AUTHORIZED without admin on the cluster; TIMEOUT, CLOSED,
/// INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_add_acl(
    client: Option<&flymq_client>,
    principal: *const c_char,
    permission: *const c_char,
    operation: *const c_char,
    resource: *const c_char,
    pattern: *const c_char,
    name: *const c_char,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let acl = unsafe {
            Acl {
                principal: text(principal, "principal")?.to_owned(),
                permission: text(permission, "permission")?.to_owned(),
                operation: text(operation, "operation")?.to_owned(),
                resource: text(resource, "resource")?.to_owned(),
                pattern: text(pattern, "pattern")?.to_owned(),
                name: text(name, "name")?.to_owned(),
            }
        };
        let this = flymq_client::get(client)?;
        this.host.wait(this.client.add_acls(vec![acl])).map(drop)
    })
}

/// The rules that agree with each word given; NULL agrees with all.
///
/// # Safety
///
/// Each is NULL or a string.
unsafe fn filter(
    principal: *const c_char,
    permission: *const c_char,
    operation: *const c_char,
    resource: *const c_char,
    pattern: *const c_char,
    name: *const c_char,
) -> Result<AclFilter> {
    // SAFETY: as the header demands.
    let word = |given, what| Ok(unsafe { optional_text(given, what) }?.map(str::to_owned));
    Ok(AclFilter {
        principal: word(principal, "principal")?,
        permission: word(permission, "permission")?,
        operation: word(operation, "operation")?,
        resource: word(resource, "resource")?,
        pattern: word(pattern, "pattern")?,
        name: word(name, "name")?,
    })
}

/// Removes the rules that agree with each word given; NULL agrees with all. `removed` gets how many
/// there were, and may be NULL.
///
/// Errors: as flymq_client_add_acl().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_remove_acls(
    client: Option<&flymq_client>,
    principal: *const c_char,
    permission: *const c_char,
    operation: *const c_char,
    resource: *const c_char,
    pattern: *const c_char,
    name: *const c_char,
    removed: Option<&mut MaybeUninit<usize>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::call(error, || {
        // SAFETY: as the header demands.
        let filter = unsafe { filter(principal, permission, operation, resource, pattern, name)? };
        let this = flymq_client::get(client)?;
        let gone = this.host.wait(this.client.remove_acls(filter))?;
        put(removed, gone.len());
        Ok(())
    })
}

/// The rules that agree with each word given, NULL agreeing with all, a row each: principal, permission,
/// operation, resource, pattern, name.
///
/// The caller frees the table with flymq_table_free().
///
/// Errors: NOT_AUTHORIZED without admin on the cluster; TIMEOUT, CLOSED, INVALID_ARGUMENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flymq_client_list_acls(
    client: Option<&flymq_client>,
    principal: *const c_char,
    permission: *const c_char,
    operation: *const c_char,
    resource: *const c_char,
    pattern: *const c_char,
    name: *const c_char,
    table: Option<&mut MaybeUninit<*mut flymq_table>>,
    error: Option<&mut MaybeUninit<*mut flymq_error>>,
) -> i32 {
    boundary::make(table, error, || {
        // SAFETY: as the header demands.
        let filter = unsafe { filter(principal, permission, operation, resource, pattern, name)? };
        let this = flymq_client::get(client)?;
        let acls = this.host.wait(this.client.acls(filter))?;
        let rows = acls.into_iter().map(|a| {
            [a.principal, a.permission, a.operation, a.resource, a.pattern, a.name].map(Into::into)
        });
        let columns = &["principal", "permission", "operation", "resource", "pattern", "name"];
        Ok(flymq_table::new(columns, rows))
    })
}
