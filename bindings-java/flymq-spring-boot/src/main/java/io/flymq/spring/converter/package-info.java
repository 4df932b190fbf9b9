/** How values become bytes and back. */
@org.jspecify.annotations.NullMarked
package io.flymq.spring.converter;
