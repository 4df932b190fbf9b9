/**
 * What stands between the public classes and the native library.
 *
 * <p>A call of the library is a {@link io.flymq.client.internal.Native} method that takes encoded
 * arguments ({@link io.flymq.client.internal.Out}) and never waits: it answers at once or, by its id,
 * through {@link io.flymq.client.internal.Completions}. {@link io.flymq.client.internal.Call} waits in
 * Java, so that a virtual thread never pins its carrier, and
 * {@link io.flymq.client.internal.Handle} is what stands behind an object that can be closed.
 */
package io.flymq.client.internal;
