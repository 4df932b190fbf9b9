package io.flymq.spring.converter;

import io.flymq.client.ProducerRecord;
import io.flymq.spring.FlyMQHeaders;
import java.lang.reflect.Type;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.BeanUtils;
import org.springframework.core.convert.ConversionService;
import org.springframework.core.convert.support.DefaultConversionService;

/**
 * Keys and values of records as bytes and back: bytes as they are, text as UTF-8, all else as the {@link
 * PayloadConverter} has it.
 */
public class RecordConverter {
  private final @Nullable PayloadConverter converter;

  /**
   * A converter.
   *
   * @param converter for all but text and bytes; {@code null} to refuse other types
   */
  public RecordConverter(@Nullable PayloadConverter converter) {
    this.converter = converter;
  }

  /**
   * A record as bytes. One whose value was converted by the {@link PayloadConverter} gets the header {@link
   * FlyMQHeaders#TYPE}, unless it has one.
   *
   * @param record the record
   * @return the same as bytes
   * @throws ConversionException if its key or value cannot be converted
   */
  public ProducerRecord<byte[], byte[]> toBytes(ProducerRecord<?, ?> record) {
    Object value = record.value();
    ProducerRecord<byte[], byte[]> bytes =
        record.withKeyAndValue(keyToBytes(record.key()), toBytes(value));
    if (value == null
        || value instanceof byte[]
        || value instanceof String
        || record.headers().last(FlyMQHeaders.TYPE).isPresent()) {
      return bytes;
    }
    return bytes.withHeader(FlyMQHeaders.TYPE, value.getClass().getSimpleName());
  }

  /** Keys that are simple are text, as other languages have them. */
  private byte @Nullable [] keyToBytes(@Nullable Object key) {
    return toBytes(
        key instanceof Number || key instanceof UUID || key instanceof Enum || key instanceof Boolean
            ? key.toString()
            : key);
  }

  private byte @Nullable [] toBytes(@Nullable Object object) {
    if (object == null) {
      return null;
    }
    if (object instanceof byte[] bytes) {
      return bytes;
    }
    if (object instanceof String text) {
      return text.getBytes(StandardCharsets.UTF_8);
    }
    try {
      return converter(object.getClass()).toBytes(object);
    } catch (ConversionException error) {
      throw error;
    } catch (RuntimeException error) {
      throw new ConversionException(
          "an object of " + object.getClass() + " cannot be turned into bytes: " + error, error);
    }
  }

  /**
   * A key.
   *
   * @param data the bytes
   * @param type what to make of them: also a number, a UUID or an enum, of their text
   * @return the key
   * @throws ConversionException if they are not of that type
   */
  public @Nullable Object keyFromBytes(byte @Nullable [] data, Type type) {
    ConversionService text = DefaultConversionService.getSharedInstance();
    if (data != null
        && type instanceof Class<?> target
        && BeanUtils.isSimpleValueType(target)
        && text.canConvert(String.class, target)) {
      try {
        return text.convert(fromBytes(data, String.class), target);
      } catch (org.springframework.core.convert.ConversionException error) {
        throw new ConversionException("a key is no " + type.getTypeName() + ": " + error, error);
      }
    }
    return fromBytes(data, type);
  }

  /**
   * A value.
   *
   * @param data the bytes
   * @param type what to make of them; {@code Object} leaves them as they are
   * @return the object
   * @throws ConversionException if they are not of that type
   */
  public @Nullable Object fromBytes(byte @Nullable [] data, Type type) {
    if (data == null || type == byte[].class || type == Object.class) {
      return data;
    }
    try {
      if (type == String.class || type == CharSequence.class) {
        return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString();
      }
      return converter(type).fromBytes(data, type);
    } catch (ConversionException error) {
      throw error;
    } catch (CharacterCodingException | RuntimeException error) {
      throw new ConversionException("a record is no " + type.getTypeName() + ": " + error, error);
    }
  }

  private PayloadConverter converter(Type type) {
    if (converter == null) {
      throw new ConversionException(
          type.getTypeName()
              + " needs a converter: add Jackson for JSON, or a bean of type PayloadConverter",
          null);
    }
    return converter;
  }
}
