package io.flymq.client;

import io.flymq.client.internal.Out;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A user, or what is to become of one. What is not given stays as it is.
 *
 * <pre>{@code
 * client.admin().createUser(UserChange.of("ada").withPassword(secret).withRoles("producer"));
 * }</pre>
 */
public final class UserChange {
  private final String name;
  private final char @Nullable [] password;
  private final @Nullable List<String> roles;
  private final @Nullable String certificate;

  private UserChange(
      String name,
      char @Nullable [] password,
      @Nullable List<String> roles,
      @Nullable String certificate) {
    this.name = name;
    this.password = password;
    this.roles = roles;
    this.certificate = certificate;
  }

  /**
   * A user, of whom nothing changes.
   *
   * @param name the user
   * @return the change
   */
  public static UserChange of(String name) {
    return new UserChange(name, null, null, null);
  }

  /**
   * The same with a password. What the broker gets is what checks it, not the password itself.
   *
   * @param password the password; the array may be wiped afterwards
   * @return the change
   */
  public UserChange withPassword(char[] password) {
    return new UserChange(name, password.clone(), roles, certificate);
  }

  /**
   * The same with these roles, and no others.
   *
   * @param roles {@code admin}, {@code producer}, {@code consumer}, {@code reader}, or such as rules are
   *     for
   * @return the change
   */
  public UserChange withRoles(String... roles) {
    return new UserChange(name, password, List.of(roles), certificate);
  }

  /**
   * The same with a client certificate to log in with.
   *
   * @param subject the certificate's subject; empty for none
   * @return the change
   */
  public UserChange withCertificate(String subject) {
    return new UserChange(name, password, roles, subject);
  }

  Out write(Out out) {
    out.text(name).secret(password).flag(roles != null);
    if (roles != null) {
      out.list(roles, Out::text);
    }
    return out.text(certificate);
  }

  @Override
  public String toString() {
    return "UserChange[name=" + name + ", roles=" + roles + ", certificate=" + certificate + "]";
  }
}
