package io.flymq.spring.docs;

record Order(String id, int cents) {}
