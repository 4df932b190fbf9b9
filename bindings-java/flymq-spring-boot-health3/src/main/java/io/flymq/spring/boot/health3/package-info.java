/** The health indicator as Spring Boot 3 has it. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.boot.health3;
