/** The exceptions of FlyMQ: one tree, one class for each code of the table that all languages share. */
package io.flymq.client.errors;
