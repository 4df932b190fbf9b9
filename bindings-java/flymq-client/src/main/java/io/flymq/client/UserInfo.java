package io.flymq.client;

import java.util.List;

/**
 * A user of the broker.
 *
 * @param name the user
 * @param roles its roles
 * @param hasPassword whether it can log in with a password
 * @param certificate subject of the client certificate that logs it in; empty for none
 */
public record UserInfo(
    String name, List<String> roles, boolean hasPassword, String certificate) {}
