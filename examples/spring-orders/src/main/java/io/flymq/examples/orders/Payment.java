package io.flymq.examples.orders;

/** What a customer is to pay. */
record Payment(String order, String customer, int cents) {}
