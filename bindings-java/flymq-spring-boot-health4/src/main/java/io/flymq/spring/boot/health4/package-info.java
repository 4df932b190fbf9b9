/** The health indicator as Spring Boot 4 has it. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.boot.health4;
