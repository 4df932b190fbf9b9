//! The methods of the Java class `io.flymq.client.internal.Native`.
//!
//! Each is called on a Java thread and never waits, but for the two that daemon threads of their own
//! drain. Arrays are copied in and out; nothing of the JVM is kept. A panic becomes an answer with the
//! error PANIC, or a RuntimeException where there is no answer.

#![allow(non_snake_case)]

use std::sync::{Mutex, PoisonError};

use flymq_core::{Error, ErrorCode, Result};
use jni::errors::ThrowRuntimeExAndDefault;
use jni::objects::{JByteArray, JByteBuffer, JClass, JString};
use jni::sys::{jboolean, jint, jlong};
use jni::{Env, EnvUnowned};

use crate::call::{self, Operation};
use crate::completions;
use crate::wire::Args;
use crate::{access, admin, client, consumer, embedded, encryption, groups, handles, logs};
use crate::{options, pool, producer, sender, transaction};

/// Exports a method of the class.
macro_rules! export {
    ($(
        fn $name:ident<$local:lifetime>($($args:tt)*) $(-> $out:ty)? $body:block
    )*) => { $(
        #[unsafe(export_name = concat!("Java_io_flymq_client_internal_Native_", stringify!($name)))]
        extern "system" fn $name<$local>($($args)*) $(-> $out)? $body
    )* };
}

/// Exports methods that run an operation.
macro_rules! calls {
    ($($name:ident => $operation:path,)*) => { export! { $(
        fn $name<'local>(
            env: EnvUnowned<'local>,
            _class: JClass<'local>,
            handle: jlong,
            id: jlong,
            arguments: JByteArray<'local>,
            length: jint,
        ) -> JByteArray<'local> {
            run(env, handle, id, &arguments, length, $operation)
        }
    )* } };
}

calls! {
    clientConnect => client::connect,
    clientClose => client::close,
    clientProduce => client::produce,
    clientProduceBatch => client::produce_batch,
    clientConsume => client::consume,
    clientFetch => client::fetch,
    clientAddresses => client::addresses,
    clientPing => client::ping,
    clientBroker => client::broker,
    clientMetrics => client::metrics,
    clientWhoami => access::whoami,
    clientTransaction => transaction::of_client,
    poolOpen => pool::open,
    poolGet => pool::get,
    poolBorrowed => pool::borrowed,
    poolClose => pool::close,
    topicCreate => admin::create_topic,
    topicDelete => admin::delete_topic,
    topicList => admin::list_topics,
    topicDescribe => admin::describe_topic,
    topicAlter => admin::alter_topic,
    topicAddPartitions => admin::add_partitions,
    topicPartitionCount => admin::partition_count,
    topicOffsets => admin::list_offsets,
    brokerList => admin::brokers,
    clusterStatus => admin::cluster_status,
    userUpsert => access::upsert_user,
    userDelete => access::delete_user,
    userList => access::list_users,
    aclAdd => access::add_acls,
    aclRemove => access::remove_acls,
    aclList => access::list_acls,
    groupList => groups::list,
    groupDescribe => groups::describe,
    groupDelete => groups::delete,
    groupOffsets => groups::offsets,
    groupResetOffsets => groups::reset_offsets,
    groupLag => groups::lag,
    producerOpen => producer::open,
    producerFlush => producer::flush,
    producerClose => producer::close,
    transactionalOpen => transaction::open,
    transactionalClose => transaction::close,
    transactionBegin => transaction::begin,
    transactionOffsets => transaction::send_offsets,
    transactionProcessed => transaction::send_processed,
    transactionCommit => transaction::commit,
    transactionAbort => transaction::abort,
    consumerOpen => consumer::open,
    consumerPoll => consumer::poll,
    consumerRefuse => consumer::refuse,
    consumerSubscribe => consumer::subscribe,
    consumerUnsubscribe => consumer::unsubscribe,
    consumerEndUnsubscribe => consumer::end_unsubscribe,
    consumerAssign => consumer::assign,
    consumerAssignment => consumer::assignment,
    consumerSeek => consumer::seek,
    consumerPosition => consumer::position,
    consumerLag => consumer::lag,
    consumerPause => consumer::pause,
    consumerCommit => consumer::commit,
    consumerCommitted => consumer::committed,
    consumerMember => consumer::member,
    consumerRewind => consumer::rewind,
    consumerWakeup => consumer::wakeup,
    consumerBeginClose => consumer::begin_close,
    consumerEndClose => consumer::end_close,
    keyringOpen => encryption::open,
    keyringAdd => encryption::add,
    keyringEncryptWith => encryption::encrypt_with,
    keyringIds => encryption::ids,
    optionList => options::list,
    embeddedStart => embedded::start,
    embeddedStop => embedded::stop,
    panic => panic_on_purpose,
}

export! {
    fn send<'local>(
        mut env: EnvUnowned<'local>,
        _class: JClass<'local>,
        handle: jlong,
        id: jlong,
        record: JByteArray<'local>,
        length: jint,
    ) -> jboolean {
        env.with_env(|env| {
            let mut args = arguments(env, &record, length)?;
            Ok::<_, jni::errors::Error>(sender::send(handle as u64, id as u64, &mut args))
        })
        .resolve::<ThrowRuntimeExAndDefault>()
    }

    fn withdraw<'local>(
        mut env: EnvUnowned<'local>,
        _class: JClass<'local>,
        handle: jlong,
        id: jlong,
    ) -> jboolean {
        env.with_env(|_| {
            Ok::<_, jni::errors::Error>(sender::withdraw(handle as u64, id as u64))
        })
        .resolve::<ThrowRuntimeExAndDefault>()
    }

    fn takeCompletions<'local>(
        mut env: EnvUnowned<'local>,
        _class: JClass<'local>,
    ) -> JByteBuffer<'local> {
        env.with_env(|env| {
            let mut lent = LENT.lock().unwrap_or_else(PoisonError::into_inner);
            *lent = completions::take(std::mem::take(&mut *lent));
            // SAFETY: the bytes stay where they are until the next call, which only the one thread
            // that reads them makes, when it has read them.
            unsafe { env.new_direct_byte_buffer(lent.as_mut_ptr(), lent.len()) }
        })
        .resolve::<ThrowRuntimeExAndDefault>()
    }

    fn takeLogs<'local>(
        mut env: EnvUnowned<'local>,
        _class: JClass<'local>,
    ) -> JByteArray<'local> {
        env.with_env(|env| env.byte_array_from_slice(&logs::take()))
            .resolve::<ThrowRuntimeExAndDefault>()
    }

    fn startLogs<'local>(mut env: EnvUnowned<'local>, _class: JClass<'local>, level: jint) {
        env.with_env(|_| {
            logs::start(level);
            Ok::<_, jni::errors::Error>(())
        })
        .resolve::<ThrowRuntimeExAndDefault>()
    }

    fn release<'local>(mut env: EnvUnowned<'local>, _class: JClass<'local>, handle: jlong) {
        env.with_env(|_| {
            handles::remove(handle as u64);
            Ok::<_, jni::errors::Error>(())
        })
        .resolve::<ThrowRuntimeExAndDefault>()
    }

    fn openHandles<'local>(mut env: EnvUnowned<'local>, _class: JClass<'local>) -> jint {
        env.with_env(|_| Ok::<_, jni::errors::Error>(handles::count() as jint))
            .resolve::<ThrowRuntimeExAndDefault>()
    }

    fn version<'local>(mut env: EnvUnowned<'local>, _class: JClass<'local>) -> JString<'local> {
        env.with_env(|env| env.new_string(env!("CARGO_PKG_VERSION")))
            .resolve::<ThrowRuntimeExAndDefault>()
    }
}

/// What the thread that drains the answers is reading.
static LENT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn run<'local>(
    mut env: EnvUnowned<'local>,
    handle: jlong,
    id: jlong,
    encoded: &JByteArray<'local>,
    length: jint,
    operation: Operation,
) -> JByteArray<'local> {
    env.with_env(|env| {
        let mut args = arguments(env, encoded, length)?;
        match call::run(operation, handle as u64, id as u64, &mut args) {
            Some(answer) => env.byte_array_from_slice(&answer),
            None => Ok(JByteArray::null()),
        }
    })
    .resolve::<ThrowRuntimeExAndDefault>()
}

/// The first `length` bytes of an array.
fn arguments(env: &mut Env<'_>, array: &JByteArray<'_>, length: jint) -> jni::errors::Result<Args> {
    let mut bytes = vec![0_u8; length.max(0) as usize];
    // SAFETY: i8 and u8 have the same size, alignment and valid values.
    let target = unsafe { std::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) };
    array.get_region(env, 0, target)?;
    Ok(Args::new(bytes))
}

/// Panics, which is caught where all panics are: for the tests.
fn panic_on_purpose(_: u64, args: &mut Args) -> Result<call::Job> {
    let message = args.text()?;
    if message.is_empty() {
        return Err(Error::new(ErrorCode::InvalidArgument, "panic", "say why"));
    }
    panic!("{message}")
}
