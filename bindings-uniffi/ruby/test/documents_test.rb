# frozen_string_literal: true

require_relative "helper"

# The Ruby of the guide, and the examples.
class DocumentsTest < Minitest::Test
  def test_the_guide_runs
    blocks = File.read(File.join(ROOT, "docs/ruby.md")).scan(/```ruby\n(.*?)```/m).flatten
    assert_operator blocks.size, :>, 4
    blocks.each do |block|
      with_client do |broker, client|
        %w[orders invoices clicks].each { |topic| client.create_topic(topic, 3) }
        client.produce("orders", "apples", key: "ada")
        capture_io { eval(block, binding, "docs/ruby.md") }
      end
    end
  end

  def test_the_examples_run
    outputs = { "quickstart" => "en: hello, world\n", "exactly_once" => "3 invoices\n" }
    outputs.each do |name, expected|
      output, = capture_io { load(File.join(ROOT, "examples/ruby/#{name}.rb")) }
      assert_equal expected, output
    end
  end
end
