package io.flymq.spring.listener;

import io.flymq.client.ConsumerRecord;
import io.flymq.client.Headers;
import io.flymq.spring.converter.ConversionException;
import io.flymq.spring.converter.RecordConverter;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.core.MethodParameter;
import org.springframework.core.ResolvableType;
import org.springframework.core.convert.TypeDescriptor;
import org.springframework.core.convert.converter.GenericConverter;
import org.springframework.format.support.DefaultFormattingConversionService;
import org.springframework.messaging.Message;
import org.springframework.messaging.MessageHeaders;
import org.springframework.messaging.converter.SmartMessageConverter;
import org.springframework.messaging.handler.annotation.support.DefaultMessageHandlerMethodFactory;
import org.springframework.messaging.handler.annotation.support.PayloadMethodArgumentResolver;
import org.springframework.messaging.handler.invocation.HandlerMethodArgumentResolver;
import org.springframework.validation.Validator;

/** How arguments of listener methods are made of records, by Spring's means for messages. */
final class HandlerMethods {
  private HandlerMethods() {}

  static DefaultMessageHandlerMethodFactory factory(
      BeanFactory beans, RecordConverter converter, @Nullable Validator validator, boolean batch) {
    DefaultFormattingConversionService text = new DefaultFormattingConversionService();
    text.addConverter(new TextOfBytes(text));
    ValueConverter values = new ValueConverter(converter);
    DefaultMessageHandlerMethodFactory methods = new DefaultMessageHandlerMethodFactory();
    methods.setBeanFactory(beans);
    methods.setConversionService(text);
    methods.setMessageConverter(values);
    methods.setCustomArgumentResolvers(
        List.of(new RecordArguments(converter, batch), new Values(values, validator)));
    methods.afterPropertiesSet();
    return methods;
  }

  /** Headers of records are bytes; parameters may want their text, or what that says. */
  private static final class TextOfBytes implements GenericConverter {
    private final DefaultFormattingConversionService text;

    TextOfBytes(DefaultFormattingConversionService text) {
      this.text = text;
    }

    @Override
    public Set<ConvertiblePair> getConvertibleTypes() {
      return Set.of(
          new ConvertiblePair(byte[].class, String.class),
          new ConvertiblePair(byte[].class, Number.class),
          new ConvertiblePair(byte[].class, Boolean.class),
          new ConvertiblePair(byte[].class, Enum.class),
          new ConvertiblePair(byte[].class, UUID.class));
    }

    @Override
    public @Nullable Object convert(
        @Nullable Object source, TypeDescriptor from, TypeDescriptor to) {
      return source == null
          ? null
          : text.convert(new String((byte[]) source, StandardCharsets.UTF_8), to.getType());
    }
  }

  /** Values as the converter has them. */
  private static final class ValueConverter implements SmartMessageConverter {
    private final RecordConverter converter;
    private final Map<MethodParameter, Type> types = new ConcurrentHashMap<>();

    ValueConverter(RecordConverter converter) {
      this.converter = converter;
    }

    @Override
    public @Nullable Object fromMessage(Message<?> message, Class<?> target, @Nullable Object hint) {
      Type type =
          hint instanceof MethodParameter parameter
              ? types.computeIfAbsent(parameter, ValueConverter::typeOf)
              : target;
      return converter.fromBytes((byte[]) message.getPayload(), type);
    }

    private static Type typeOf(MethodParameter parameter) {
      ResolvableType type = ResolvableType.forMethodParameter(parameter);
      if (Message.class.isAssignableFrom(parameter.getParameterType())) {
        type = type.as(Message.class).getGeneric(0);
      }
      return resolved(type);
    }

    @Override
    public @Nullable Object fromMessage(Message<?> message, Class<?> target) {
      return fromMessage(message, target, null);
    }

    @Override
    public @Nullable Message<?> toMessage(Object payload, @Nullable MessageHeaders headers) {
      return null;
    }

    @Override
    public @Nullable Message<?> toMessage(
        Object payload, @Nullable MessageHeaders headers, @Nullable Object hint) {
      return null;
    }
  }

  /** A type without variables. */
  private static Type resolved(ResolvableType type) {
    return type.hasUnresolvableGenerics() || !type.hasGenerics()
        ? type.toClass()
        : type.getType();
  }

  /** The value: what no other resolver takes. Only {@code null} is none; empty text is a value. */
  private static final class Values extends PayloadMethodArgumentResolver {
    Values(ValueConverter values, @Nullable Validator validator) {
      super(values, validator, true);
    }

    @Override
    protected boolean isEmptyPayload(@Nullable Object payload) {
      return payload == null;
    }
  }

  /** Records, headers of records, and lists for batches. */
  private static final class RecordArguments implements HandlerMethodArgumentResolver {
    private final RecordConverter converter;
    private final boolean batch;
    private final Map<MethodParameter, Plan> plans = new ConcurrentHashMap<>();

    /** What a parameter takes. */
    private record Plan(boolean list, boolean record, Type key, Type value) {}

    RecordArguments(RecordConverter converter, boolean batch) {
      this.converter = converter;
      this.batch = batch;
    }

    @Override
    public boolean supportsParameter(MethodParameter parameter) {
      Class<?> type = parameter.getParameterType();
      return type == ConsumerRecord.class
          || type == Headers.class
          || (batch && type == List.class);
    }

    @Override
    public Object resolveArgument(MethodParameter parameter, Message<?> message) {
      RecordMessage records = (RecordMessage) message;
      if (parameter.getParameterType() == Headers.class) {
        return records.first().headers();
      }
      Plan plan = plans.computeIfAbsent(parameter, RecordArguments::plan);
      if (!plan.list) {
        return convert(records.first(), plan);
      }
      List<Object> list = new ArrayList<>(records.all().size());
      for (ConsumerRecord<byte[], byte[]> record : records.all()) {
        try {
          list.add(
              plan.record ? convert(record, plan) : converter.fromBytes(record.value(), plan.value));
        } catch (ConversionException error) {
          throw new BatchFailedException(list.size(), error);
        }
      }
      return list;
    }

    private ConsumerRecord<?, ?> convert(ConsumerRecord<byte[], byte[]> record, Plan plan) {
      return record.withKeyAndValue(
          converter.keyFromBytes(record.key(), plan.key),
          converter.fromBytes(record.value(), plan.value));
    }

    private static Plan plan(MethodParameter parameter) {
      ResolvableType type = ResolvableType.forMethodParameter(parameter);
      boolean list = parameter.getParameterType() == List.class;
      ResolvableType element = list ? type.getGeneric(0) : type;
      boolean record = element.toClass() == ConsumerRecord.class;
      return new Plan(
          list,
          record,
          resolved(record ? element.getGeneric(0) : ResolvableType.forClass(Object.class)),
          resolved(record ? element.getGeneric(1) : element));
    }
  }
}
