package io.flymq.client;

import io.flymq.client.internal.Out;
import org.jspecify.annotations.Nullable;

/**
 * Which rules are meant: those that agree with everything that is given.
 *
 * <pre>{@code
 * List<Acl> ofAda = client.admin().listAcls(AclFilter.any().withPrincipal("user:ada"));
 * }</pre>
 *
 * @param principal whom the rules are for; {@code null} for anybody
 * @param permission whether they allow or deny; {@code null} for both
 * @param operation what may be done; {@code null} for anything
 * @param resource with what; {@code null} for anything
 * @param pattern how the name is meant; {@code null} for either way
 * @param name the name in the rule, to the letter; {@code null} for any
 */
public record AclFilter(
    @Nullable String principal,
    Acl.@Nullable Permission permission,
    Acl.@Nullable Operation operation,
    Acl.@Nullable Resource resource,
    Acl.@Nullable Pattern pattern,
    @Nullable String name) {
  private static final AclFilter ANY = new AclFilter(null, null, null, null, null, null);

  /** {@return all rules} */
  public static AclFilter any() {
    return ANY;
  }

  /**
   * One rule.
   *
   * @param acl the rule
   * @return that rule alone
   */
  public static AclFilter of(Acl acl) {
    return new AclFilter(
        acl.principal(),
        acl.permission(),
        acl.operation(),
        acl.resource(),
        acl.pattern(),
        acl.name());
  }

  /**
   * Those of them for somebody.
   *
   * @param principal {@code user:NAME}, {@code role:NAME} or {@code *}
   * @return the filter
   */
  public AclFilter withPrincipal(String principal) {
    return new AclFilter(principal, permission, operation, resource, pattern, name);
  }

  /**
   * Those of them that allow, or deny.
   *
   * @param permission which
   * @return the filter
   */
  public AclFilter withPermission(Acl.Permission permission) {
    return new AclFilter(principal, permission, operation, resource, pattern, name);
  }

  /**
   * Those of them about an operation.
   *
   * @param operation which
   * @return the filter
   */
  public AclFilter withOperation(Acl.Operation operation) {
    return new AclFilter(principal, permission, operation, resource, pattern, name);
  }

  /**
   * Those of them about a kind of resource.
   *
   * @param resource which
   * @return the filter
   */
  public AclFilter withResource(Acl.Resource resource) {
    return new AclFilter(principal, permission, operation, resource, pattern, name);
  }

  /**
   * Those of them that mean their names in a way.
   *
   * @param pattern which
   * @return the filter
   */
  public AclFilter withPattern(Acl.Pattern pattern) {
    return new AclFilter(principal, permission, operation, resource, pattern, name);
  }

  /**
   * Those of them with a name.
   *
   * @param name the name in the rule, to the letter
   * @return the filter
   */
  public AclFilter withName(String name) {
    return new AclFilter(principal, permission, operation, resource, pattern, name);
  }

  Out write(Out out) {
    out.text(principal).text(word(permission)).text(word(operation));
    return out.text(word(resource)).text(word(pattern)).text(name);
  }

  private static @Nullable String word(@Nullable Enum<?> value) {
    return value == null ? null : Acl.word(value);
  }
}
