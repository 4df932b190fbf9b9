/**
 * The FlyMQ client: {@link io.flymq.client.FlyMQClient} and what it makes.
 *
 * <p>Unless said otherwise, objects may be used from any number of threads, calls wait in Java (so a
 * virtual thread that waits holds no carrier), an interrupt ends a wait with {@link
 * io.flymq.client.errors.WaitInterruptedException}, and calls of what is closed throw {@link
 * io.flymq.client.errors.ClosedException}.
 */
package io.flymq.client;
