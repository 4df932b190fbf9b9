package io.flymq.spring;

import io.flymq.client.Admin;
import io.flymq.client.FlyMQClient;
import io.flymq.client.NewTopic;
import java.util.List;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;

/**
 * Creates the topics that there are beans of, before listeners start. Those that are there already are kept, and
 * get more partitions if they have fewer.
 */
public class TopicCreator implements SmartLifecycle {
  /** Before anything that reads or sends. */
  public static final int PHASE = Integer.MIN_VALUE + 1000;

  private static final Logger log = LoggerFactory.getLogger(TopicCreator.class);

  private final FlyMQClient client;
  private final List<NewTopic> topics;
  private volatile boolean running;

  /**
   * A creator.
   *
   * @param client the client
   * @param topics the topics
   */
  public TopicCreator(FlyMQClient client, List<NewTopic> topics) {
    this.client = client;
    this.topics = List.copyOf(topics);
  }

  @Override
  public void start() {
    if (!topics.isEmpty()) {
      Admin admin = client.admin();
      Map<String, Integer> there = admin.listTopics();
      for (NewTopic topic : topics) {
        Integer partitions = there.get(topic.name());
        if (partitions == null) {
          admin.createTopic(topic.ifNotExists());
        } else if (partitions < topic.partitions()) {
          log.info("Topic {} gets {} partitions", topic.name(), topic.partitions());
          admin.addPartitions(topic.name(), topic.partitions());
        }
      }
    }
    running = true;
  }

  @Override
  public void stop() {
    running = false;
  }

  @Override
  public boolean isRunning() {
    return running;
  }

  @Override
  public int getPhase() {
    return PHASE;
  }
}
