package io.flymq.client;

import io.flymq.client.internal.Call;
import io.flymq.client.internal.In;
import io.flymq.client.internal.Native;
import io.flymq.client.internal.Out;
import java.util.List;

/**
 * An option that can be set by its name, such as with {@link FlyMQClientBuilder#option(String, String)}.
 *
 * @param name its name; one that ends in {@code _ms} takes milliseconds, one in {@code _bytes} bytes, one in
 *     {@code _file} the path of a file
 * @param defaultValue its value where it is not set; empty for none
 * @param doc what it does, in a sentence
 * @param secret whether its value must not be shown
 */
public record OptionInfo(String name, String defaultValue, String doc, boolean secret) {

  /** {@return all options of a client, in an order to read them in} */
  public static List<OptionInfo> ofClient() {
    return list("client");
  }

  /** {@return all options of a producer, in an order to read them in} */
  public static List<OptionInfo> ofProducer() {
    return list("producer");
  }

  /** {@return all options of a consumer, in an order to read them in} */
  public static List<OptionInfo> ofConsumer() {
    return list("consumer");
  }

  /** {@return all options of a transactional producer, in an order to read them in} */
  public static List<OptionInfo> ofTransactionalProducer() {
    return list("transactional producer");
  }

  private static List<OptionInfo> list(String of) {
    return Call.wait(Native::optionList, 0, new Out().text(of)).list(OptionInfo::read);
  }

  private static OptionInfo read(In in) {
    return new OptionInfo(in.text(), in.text(), in.text(), in.flag());
  }
}
