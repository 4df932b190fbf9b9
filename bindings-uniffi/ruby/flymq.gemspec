# frozen_string_literal: true

require_relative "lib/flymq/version"

Gem::Specification.new do |gem|
  gem.name = "flymq"
  gem.version = Flymq::VERSION
  gem.summary = "The FlyMQ client, and a broker inside the process"
  gem.authors = ["FlyMQ"]
  gem.license = "Apache-2.0"
  gem.required_ruby_version = ">= 3.1"
  # The native library is of one platform.
  gem.platform = Gem::Platform::CURRENT
  gem.files = Dir["lib/**/*.{rb,so,dylib}"] + ["README.md"]
  gem.add_dependency "ffi", "~> 1.15"
end
