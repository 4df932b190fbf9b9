/** The auto-configuration of Spring Boot, and its properties. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.boot;
