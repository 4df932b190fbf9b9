package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;
import io.flymq.client.ProducerRecord;
import io.flymq.spring.FlyMQHeaders;
import io.flymq.spring.FlyMQTemplate;
import io.flymq.spring.SendResult;
import io.flymq.spring.converter.ConversionException;
import java.lang.reflect.Method;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.springframework.core.MethodParameter;
import org.springframework.core.annotation.AnnotatedElementUtils;
import org.springframework.messaging.handler.annotation.Payload;
import org.springframework.messaging.handler.annotation.SendTo;
import org.springframework.messaging.handler.annotation.support.DefaultMessageHandlerMethodFactory;
import org.springframework.messaging.handler.invocation.InvocableHandlerMethod;

/** Calls methods of a bean, and sends what they return on. */
final class MethodRecordHandler implements RecordHandler {
  private final Map<String, Target> byType;
  private final @Nullable Target otherwise;

  /** A method, and where what it returns is sent to. */
  private record Target(
      InvocableHandlerMethod method, @Nullable String replyTo, @Nullable FlyMQTemplate template) {}

  private MethodRecordHandler(Map<String, Target> byType, @Nullable Target otherwise) {
    this.byType = byType;
    this.otherwise = otherwise;
  }

  static RecordHandler of(
      ListenerEndpoint endpoint,
      boolean batch,
      DefaultMessageHandlerMethodFactory methods,
      @Nullable FlyMQTemplate template,
      UnaryOperator<String> resolver) {
    Map<String, Target> byType = new HashMap<>();
    Target otherwise = null;
    for (Method method : endpoint.methods()) {
      InvocableHandlerMethod invocable =
          methods.createInvocableHandlerMethod(endpoint.bean(), method);
      checkBatch(invocable, batch);
      Target target = new Target(invocable, replyTo(method, resolver), template);
      FlyMQHandler handler =
          AnnotatedElementUtils.findMergedAnnotation(method, FlyMQHandler.class);
      if (handler == null || handler.isDefault()) {
        otherwise = target;
      }
      if (handler != null && byType.put(type(invocable, handler), target) != null) {
        throw new ListenerConfigurationException(
            "two methods of " + endpoint.name() + " handle " + type(invocable, handler),
            "keep one of them, or name their types with @FlyMQHandler");
      }
    }
    return new MethodRecordHandler(byType, otherwise);
  }

  private static void checkBatch(InvocableHandlerMethod method, boolean batch) {
    for (MethodParameter parameter : method.getMethodParameters()) {
      if (batch && parameter.getParameterType() == ConsumerRecord.class) {
        throw new ListenerConfigurationException(
            method + " takes a single record, but is a listener of batches",
            "take a List of them, or remove batch = true");
      }
    }
  }

  private static @Nullable String replyTo(Method method, UnaryOperator<String> resolver) {
    SendTo sendTo = AnnotatedElementUtils.findMergedAnnotation(method, SendTo.class);
    if (sendTo == null) {
      sendTo =
          AnnotatedElementUtils.findMergedAnnotation(method.getDeclaringClass(), SendTo.class);
    }
    if (sendTo == null) {
      return null;
    }
    if (sendTo.value().length != 1) {
      throw new ListenerConfigurationException(
          "@SendTo of " + method + " names " + sendTo.value().length + " topics", "name one");
    }
    return resolver.apply(sendTo.value()[0]);
  }

  private static String type(InvocableHandlerMethod method, FlyMQHandler handler) {
    if (!handler.value().isEmpty()) {
      return handler.value();
    }
    MethodParameter value = null;
    for (MethodParameter parameter : method.getMethodParameters()) {
      if (parameter.hasParameterAnnotation(Payload.class)
          || (value == null && parameter.getParameterAnnotations().length == 0)) {
        value = parameter;
      }
    }
    return value == null ? "" : value.getParameterType().getSimpleName();
  }

  @Override
  public void handle(List<ConsumerRecord<byte[], byte[]>> records, Delivery delivery)
      throws Exception {
    Target target = target(records.get(0));
    Object result =
        target.method.invoke(
            new RecordMessage(records, delivery),
            delivery.acknowledgment(),
            delivery.consumer(),
            delivery);
    if (result instanceof CompletionStage<?> stage) {
      result = await(stage.toCompletableFuture());
    }
    if (result != null && target.replyTo != null) {
      reply(target, records.get(0), result);
    }
  }

  private Target target(ConsumerRecord<byte[], byte[]> record) {
    String type = byType.isEmpty() ? null : record.headers().text(FlyMQHeaders.TYPE);
    Target target = type == null ? otherwise : byType.getOrDefault(type, otherwise);
    if (target == null) {
      throw new ConversionException(
          "no @FlyMQHandler takes "
              + (type == null ? "records without a type" : type)
              + ", and none is the default",
          null);
    }
    return target;
  }

  private static void reply(Target target, ConsumerRecord<byte[], byte[]> to, Object result)
      throws Exception {
    FlyMQTemplate template = target.template;
    if (template == null) {
      throw new IllegalStateException("@SendTo needs a FlyMQTemplate");
    }
    CompletableFuture<SendResult> sent =
        result instanceof ProducerRecord<?, ?> record
            ? template.send(record)
            : template.send(target.replyTo, to.key(), result);
    await(sent);
  }

  private static @Nullable Object await(CompletableFuture<?> future) throws Exception {
    try {
      return future.get();
    } catch (ExecutionException error) {
      if (error.getCause() instanceof Error fatal) {
        throw fatal;
      }
      throw error.getCause() instanceof Exception cause ? cause : error;
    }
  }
}
