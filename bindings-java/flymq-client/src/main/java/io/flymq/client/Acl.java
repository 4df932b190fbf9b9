package io.flymq.client;

import io.flymq.client.internal.In;
import io.flymq.client.internal.Out;
import java.util.Locale;

/**
 * A rule: who may, or may not, do what with which resources. With authentication on, everything is denied
 * that no rule allows, and one rule that denies outweighs all that allow.
 *
 * <pre>{@code
 * client.admin().addAcls(
 *     Acl.allow("user:ada", Acl.Operation.READ, Acl.Resource.TOPIC, "orders-").prefixed());
 * }</pre>
 *
 * @param principal {@code user:NAME}, {@code role:NAME}, or {@code *} for every user who has logged in
 * @param permission whether the rule allows or denies
 * @param operation what may be done
 * @param resource with what
 * @param pattern how the name is meant
 * @param name the resource's name or its beginning; literal {@code *} for all
 */
public record Acl(
    String principal,
    Permission permission,
    Operation operation,
    Resource resource,
    Pattern pattern,
    String name) {

  /** What a rule says of what it is about. */
  public enum Permission {
    /** It may be done, unless another rule denies it. */
    ALLOW,
    /** It may not be done. */
    DENY,
    /** What a newer broker knows and this client does not. */
    UNKNOWN
  }

  /** What is done. */
  public enum Operation {
    /** Reading a topic, or being a member of a group. */
    READ,
    /** Writing to a topic, or transactions of an id. */
    WRITE,
    /** Creating a topic. */
    CREATE,
    /** Deleting a topic or a group. */
    DELETE,
    /** Changing a topic. */
    ALTER,
    /** Seeing a topic or a group. */
    DESCRIBE,
    /** All of these; of the cluster: users and rules. */
    ADMIN,
    /** What a newer broker knows and this client does not. */
    UNKNOWN
  }

  /** What something is done with. */
  public enum Resource {
    /** Topics. */
    TOPIC,
    /** Groups. */
    GROUP,
    /** Transactional ids. */
    TRANSACTIONAL_ID,
    /** Users and rules. */
    CLUSTER,
    /** What a newer broker knows and this client does not. */
    UNKNOWN
  }

  /** How a name is meant. */
  public enum Pattern {
    /** The whole name. */
    LITERAL,
    /** The beginning of names. */
    PREFIX,
    /** What a newer broker knows and this client does not. */
    UNKNOWN
  }

  /**
   * A rule that allows something with the resource of a name.
   *
   * @param principal {@code user:NAME}, {@code role:NAME} or {@code *}
   * @param operation what may be done
   * @param resource with what
   * @param name its name; {@code *} for all
   * @return the rule
   */
  public static Acl allow(String principal, Operation operation, Resource resource, String name) {
    return new Acl(principal, Permission.ALLOW, operation, resource, Pattern.LITERAL, name);
  }

  /**
   * A rule that denies something with the resource of a name.
   *
   * @param principal {@code user:NAME}, {@code role:NAME} or {@code *}
   * @param operation what may not be done
   * @param resource with what
   * @param name its name; {@code *} for all
   * @return the rule
   */
  public static Acl deny(String principal, Operation operation, Resource resource, String name) {
    return new Acl(principal, Permission.DENY, operation, resource, Pattern.LITERAL, name);
  }

  /** {@return the same for all resources whose names begin with this one's} */
  public Acl prefixed() {
    return new Acl(principal, permission, operation, resource, Pattern.PREFIX, name);
  }

  static Out write(Out out, Acl acl) {
    out.text(acl.principal).text(word(acl.permission)).text(word(acl.operation));
    return out.text(word(acl.resource)).text(word(acl.pattern)).text(acl.name);
  }

  static Acl read(In in) {
    return new Acl(
        in.text(),
        value(Permission.values(), in.text()),
        value(Operation.values(), in.text()),
        value(Resource.values(), in.text()),
        value(Pattern.values(), in.text()),
        in.text());
  }

  /** How the protocol writes it. */
  static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  /** The value of a word; the last one, which is UNKNOWN, for any other. */
  private static <T extends Enum<T>> T value(T[] values, String word) {
    for (T value : values) {
      if (word(value).equals(word)) {
        return value;
      }
    }
    return values[values.length - 1];
  }
}
