package io.flymq.examples.orders;

/** What is to be sent to a customer. */
record Shipment(String order, String customer, String item, int quantity) {}
