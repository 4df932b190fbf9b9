package io.flymq.spring;

import static io.flymq.spring.Apps.app;
import static io.flymq.spring.Apps.committed;
import static io.flymq.spring.Apps.topic;
import static io.flymq.spring.Apps.unique;
import static io.flymq.spring.Apps.until;
import static io.flymq.spring.Apps.values;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.flymq.client.FlyMQClient;
import io.flymq.spring.listener.Delivery;
import io.flymq.spring.listener.FlyMQListener;
import io.flymq.spring.transaction.FlyMQTransactionManager;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.transaction.CannotCreateTransactionException;
import org.springframework.transaction.PlatformTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionException;
import org.springframework.transaction.UnexpectedRollbackException;
import org.springframework.transaction.annotation.Propagation;
import org.springframework.transaction.annotation.Transactional;
import org.springframework.transaction.support.AbstractPlatformTransactionManager;
import org.springframework.transaction.support.DefaultTransactionStatus;
import org.springframework.transaction.support.TransactionTemplate;

/** What is sent together, or not at all. */
class TransactionTest {
  static ApplicationContextRunner transactional() {
    return app().withPropertyValues("flymq.producer.transaction-id-prefix=" + unique("tx") + "-");
  }

  static class Service {
    final FlyMQTemplate template;

    Service(FlyMQTemplate template) {
      this.template = template;
    }

    @Transactional
    public void send(String topic, List<String> values, RuntimeException error) {
      values.forEach(value -> template.send(topic, value));
      if (error != null) {
        throw error;
      }
    }

    @Transactional(propagation = Propagation.REQUIRES_NEW)
    public void sendApart(String topic, String value) {
      template.send(topic, value);
    }
  }

  @Configuration(proxyBeanMethods = false)
  static class Services {
    @Bean
    Service service(FlyMQTemplate template) {
      return new Service(template);
    }
  }

  @Test
  @Tag("smoke")
  void transactionalMethodsCommitOrAbortWhatTheySend() {
    String topic = topic(1);
    transactional()
        .withUserConfiguration(Services.class)
        .run(
            context -> {
              Service service = context.getBean(Service.class);
              service.send(topic, List.of("a", "b"), null);
              assertThatThrownBy(
                      () -> service.send(topic, List.of("c"), new IllegalStateException("no")))
                  .hasMessage("no");
              service.send(topic, List.of("d"), null);
              assertThat(values(topic)).containsExactly("a", "b", "d");
              // One after the other they need no more than one producer.
              assertThat(Apps.client().admin().listTopics()).containsKey(topic);
            });
  }

  @Test
  void aTransactionWithinAnotherIsItsOwnIfItWantsTo() {
    String topic = topic(1);
    transactional()
        .withUserConfiguration(Services.class)
        .run(
            context -> {
              Service service = context.getBean(Service.class);
              var manager = context.getBean(FlyMQTransactionManager.class);
              new TransactionTemplate(manager)
                  .executeWithoutResult(
                      status -> {
                        service.send(topic, List.of("joined"), null);
                        service.sendApart(topic, "apart");
                        service.send(topic, List.of("joined too"), null);
                        status.setRollbackOnly();
                      });
              assertThat(values(topic)).containsExactly("apart");
              assertThatThrownBy(
                      () ->
                          new TransactionTemplate(manager)
                              .executeWithoutResult(
                                  status -> {
                                    try {
                                      service.send(
                                          topic, List.of("lost"), new IllegalStateException("no"));
                                    } catch (IllegalStateException swallowed) {
                                      // The transaction cannot commit any more.
                                    }
                                  }))
                  .isInstanceOf(UnexpectedRollbackException.class);
              assertThat(values(topic)).containsExactly("apart");
            });
  }

  @Test
  void templatesRunWorkInTransactions() {
    String topic = topic(1);
    transactional()
        .run(
            context -> {
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              String result =
                  template.executeInTransaction(
                      transaction -> {
                        transaction.send(topic, "a");
                        template.executeInTransaction(inner -> inner.send(topic, "b"));
                        return "done";
                      });
              assertThat(result).isEqualTo("done");
              assertThatThrownBy(
                      () ->
                          template.executeInTransaction(
                              transaction -> {
                                transaction.send(topic, "c");
                                throw new IOException("no");
                              }))
                  .isInstanceOf(IOException.class);
              template.send(topic, "outside").get();
              assertThat(values(topic)).containsExactly("a", "b", "outside");
            });
  }

  @Test
  void manyTransactionsAtOnceHaveAProducerEach() {
    String topic = topic(1);
    transactional()
        .run(
            context -> {
              FlyMQTemplate template = context.getBean(FlyMQTemplate.class);
              List<CompletableFuture<Void>> all =
                  IntStream.range(0, 20)
                      .mapToObj(
                          i ->
                              CompletableFuture.runAsync(
                                  () ->
                                      template.executeInTransaction(
                                          tx -> tx.send(topic, "v" + i))))
                      .toList();
              all.forEach(CompletableFuture::join);
              assertThat(values(topic)).hasSize(20).doesNotHaveDuplicates();
            });
  }

  @Test
  void withoutPrefixThereAreNoTransactions() {
    app()
        .run(
            context -> {
              assertThat(context).doesNotHaveBean(PlatformTransactionManager.class);
              assertThatThrownBy(
                      () ->
                          context
                              .getBean(FlyMQTemplate.class)
                              .executeInTransaction(template -> null))
                  .hasMessageContaining("flymq.producer.transaction-id-prefix");
            });
  }

  @Test
  void aClosedBrokerConnectionMeansNoTransaction() {
    transactional()
        .withUserConfiguration(Services.class)
        .run(
            context -> {
              context.getBean(FlyMQClient.class).close();
              assertThatThrownBy(
                      () -> context.getBean(Service.class).sendApart("topic", "value"))
                  .isInstanceOf(CannotCreateTransactionException.class);
            });
  }

  /** A stand-in for a database's manager. */
  static final class Database extends AbstractPlatformTransactionManager {
    private static final long serialVersionUID = 1L;
    boolean fails;

    @Override
    protected Object doGetTransaction() {
      return new Object();
    }

    @Override
    protected void doBegin(Object transaction, TransactionDefinition definition) {}

    @Override
    protected void doCommit(DefaultTransactionStatus status) throws TransactionException {
      if (fails) {
        throw new UnexpectedRollbackException("a constraint of the database");
      }
    }

    @Override
    protected void doRollback(DefaultTransactionStatus status) {}
  }

  @Configuration(proxyBeanMethods = false)
  static class WithDatabase extends Services {
    @Bean
    Database database() {
      return new Database();
    }
  }

  @Test
  void besideADatabaseSendingFollowsItsTransactions() {
    String topic = topic(1);
    transactional()
        .withUserConfiguration(WithDatabase.class)
        .run(
            context -> {
              assertThat(context).hasBean("flyMQTransactionManager");
              Service service = context.getBean(Service.class);
              service.send(topic, List.of("a"), null);
              assertThat(values(topic)).containsExactly("a");
              assertThatThrownBy(
                  () -> service.send(topic, List.of("b"), new IllegalStateException("no")));
              context.getBean(Database.class).fails = true;
              assertThatThrownBy(() -> service.send(topic, List.of("c"), null))
                  .hasMessageContaining("constraint");
              context.getBean(Database.class).fails = false;
              service.send(topic, List.of("d"), null);
              assertThat(values(topic)).containsExactly("a", "d");
            });
  }

  @Configuration(proxyBeanMethods = false)
  static class Relay {
    final FlyMQTemplate template;

    Relay(FlyMQTemplate template) {
      this.template = template;
    }

    @FlyMQListener(topics = "${topic}", group = "${topic}")
    void handle(String text, Delivery delivery) {
      template.send(delivery.group() + "-out", text + delivery.attempt());
      if (text.equals("bad") || (text.equals("shy") && delivery.attempt() == 1)) {
        throw new IllegalStateException(text);
      }
    }
  }

  @Test
  void transactionalListenersHandleEachRecordExactlyOnce() {
    String topic = topic(1);
    Apps.client().createTopic(topic + "-out", 1);
    for (String value : List.of("a", "shy", "bad", "b")) {
      Apps.client().produce(topic, value);
    }
    transactional()
        .withUserConfiguration(Relay.class)
        .withPropertyValues("topic=" + topic, "flymq.listener.transactional=true")
        .run(
            context -> {
              until(() -> committed(topic, topic) == 3);
              assertThat(values(topic + "-out")).containsExactly("a1", "shy2", "b1");
              assertThat(values(topic + ".dlq")).containsExactly("bad");
            });
  }
}
