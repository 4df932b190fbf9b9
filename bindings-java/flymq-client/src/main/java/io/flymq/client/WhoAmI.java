package io.flymq.client;

import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Whom a broker takes a client for.
 *
 * @param principal the user; {@code anonymous} where none is needed
 * @param mechanism how it was authenticated, such as {@code SCRAM-SHA-256}
 * @param roles the user's roles
 * @param expiresIn after how long the client logs in again, which it does by itself; {@code null} for never
 */
public record WhoAmI(
    String principal, String mechanism, List<String> roles, @Nullable Duration expiresIn) {}
