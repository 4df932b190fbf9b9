/** Keys and values as bytes: {@link io.flymq.client.serde.Serdes} has those that are built in. */
package io.flymq.client.serde;
