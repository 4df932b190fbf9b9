package io.flymq.client;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The headers of a record, in their order. Names may repeat. Immutable, but for the arrays within. */
public final class Headers implements Iterable<Header> {
  private static final Headers EMPTY = new Headers(List.of());

  private final List<Header> list;

  private Headers(List<Header> list) {
    this.list = list;
  }

  /** {@return no headers} */
  public static Headers empty() {
    return EMPTY;
  }

  /**
   * These headers.
   *
   * @param headers the headers
   * @return all of them
   */
  public static Headers of(Iterable<Header> headers) {
    List<Header> list = new ArrayList<>();
    headers.forEach(list::add);
    return list.isEmpty() ? EMPTY : new Headers(List.copyOf(list));
  }

  /**
   * These headers.
   *
   * @param headers the headers
   * @return all of them
   */
  public static Headers of(Header... headers) {
    return of(List.of(headers));
  }

  /**
   * Headers whose values are text.
   *
   * @param headers values by name
   * @return all of them
   */
  public static Headers of(Map<String, String> headers) {
    return of(headers.entrySet().stream().map(e -> new Header(e.getKey(), e.getValue())).toList());
  }

  /**
   * These headers and one more.
   *
   * @param name its name
   * @param value its value
   * @return all of them
   */
  public Headers with(String name, byte @Nullable [] value) {
    List<Header> all = new ArrayList<>(list);
    all.add(new Header(name, value));
    return new Headers(List.copyOf(all));
  }

  /**
   * These headers and one more, whose value is text.
   *
   * @param name its name
   * @param value its value
   * @return all of them
   */
  public Headers with(String name, String value) {
    return with(name, new Header(name, value).value());
  }

  /**
   * These headers without those of a name.
   *
   * @param name the name
   * @return the others
   */
  public Headers without(String name) {
    return of(list.stream().filter(header -> !header.name().equals(name)).toList());
  }

  /**
   * The last header of a name.
   *
   * @param name the name
   * @return the header, if there is one
   */
  public Optional<Header> last(String name) {
    for (int i = list.size() - 1; i >= 0; i--) {
      if (list.get(i).name().equals(name)) {
        return Optional.of(list.get(i));
      }
    }
    return Optional.empty();
  }

  /**
   * The last header of a name, as text.
   *
   * @param name the name
   * @return its value, if there is one
   */
  public @Nullable String text(String name) {
    return last(name).map(Header::text).orElse(null);
  }

  /** {@return the headers, in a list that does not change} */
  public List<Header> toList() {
    return list;
  }

  /** {@return the headers, as a stream} */
  public Stream<Header> stream() {
    return list.stream();
  }

  /** {@return whether there are none} */
  public boolean isEmpty() {
    return list.isEmpty();
  }

  /** {@return how many there are} */
  public int size() {
    return list.size();
  }

  @Override
  public Iterator<Header> iterator() {
    return list.iterator();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Headers that && list.equals(that.list);
  }

  @Override
  public int hashCode() {
    return list.hashCode();
  }

  @Override
  public String toString() {
    return list.toString();
  }
}
