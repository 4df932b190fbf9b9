package io.flymq.examples.orders;

/** What a customer has ordered. */
record Order(String id, String customer, String item, int quantity, int cents) {}
