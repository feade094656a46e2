//! What analysts are asked, and what they answer.

use ogent_protocol::{Analysis, AnalysisRequest, Encoding, Program, limits};

use super::same::{ends_where_it_ends, is_brief, survives};

/// A request for an analysis or an analysis, in either encoding.
pub fn analysis(data: &[u8]) {
    for encoding in [Encoding::Json, Encoding::MsgPack] {
        match encoding.decode::<AnalysisRequest>(data, limits::MAX_INTENT_BYTES) {
            Ok(request) => {
                ends_where_it_ends::<AnalysisRequest>(encoding, data);
                survives(&request);
                admit(&request);
            }
            Err(error) => is_brief(&error),
        }
        match encoding.decode::<Analysis>(data, limits::MAX_PAYLOAD_BYTES) {
            Ok(analysis) => {
                ends_where_it_ends::<Analysis>(encoding, data);
                survives(&analysis);
            }
            Err(error) => is_brief(&error),
        }
    }
}

fn admit(request: &AnalysisRequest) {
    match request.program() {
        Ok(Program::Shell(line)) => assert_eq!(request.command.as_ref(), Some(&line)),
        Ok(Program::Argv(argv)) => assert!(request.argv.as_ref() == Some(&argv) && !argv.is_empty()),
        Err(error) => is_brief(&error),
    }
}
