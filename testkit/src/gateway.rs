//! placeholder
pub struct TestGateway;
